"""Graded phantoms for trainings."""

from pathlib import Path

import cv2
import numpy as np
import pytest


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two eyes of sixteen patients, discs with as many dark dots as the grade says."""
    folder, rng = tmp_path_factory.mktemp("eyepacs"), np.random.default_rng(0)
    (folder / "train").mkdir()
    rows = ["image,level"]
    for number in range(1, 17):
        for side in ("left", "right"):
            level = int(rng.integers(0, 5))
            image = np.zeros((96, 128, 3), np.uint8)
            cv2.circle(image, (64, 48), 44, (40, 90, 160), -1)
            for x, y in rng.integers(30, 70, (4 * level, 2)).tolist():
                cv2.circle(image, (x, y), 3, (20, 20, 60), -1)
            cv2.imwrite(str(folder / "train" / f"{number}_{side}.jpeg"), image)
            rows.append(f"{number}_{side},{level}")
    (folder / "trainLabels.csv").write_text("\n".join(rows) + "\n")
    return folder
