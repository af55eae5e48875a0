"""Settings of trainings that take seconds."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from retina_xai.training.config import TrainingConfig

STAGED: dict[str, Any] = {
    "stages": [{"size": 32, "epochs": 3, "batch": 4}, {"size": 48, "epochs": 3, "batch": 4}],
    "network": {"width": 0.05},
    "hardware": {"accelerator": "cpu", "devices": 1},
}
RESULTS = ("rdr.safetensors", "metrics.json", "log.csv", "split.csv", "left_out.csv")
"""Files that a training writes."""


def small_training(**change: Any) -> TrainingConfig:
    """One epoch of one stage, with changes."""
    one = {**STAGED, "stages": [{"size": 32, "epochs": 1, "batch": 8}]}
    return TrainingConfig.from_mapping({**one, **change})


def graded_discs(folder: Path) -> Path:
    """Two eyes of sixteen patients in the EyePACS layout: discs with as many dark dots as the grade says."""
    rng = np.random.default_rng(0)
    (folder / "train").mkdir(parents=True)
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
