"""The steps of an exported MONAI bundle, which its configuration names: read, prepare, judge, write the table."""

from collections.abc import Callable, Mapping
from dataclasses import astuple
from pathlib import Path
from typing import Any

import torch
from monai.inferers.inferer import Inferer
from monai.transforms.transform import Transform

from retina_xai.errors import InputError
from retina_xai.fundus.preprocessing import prepare
from retina_xai.fundus.quality import gradability
from retina_xai.io.files import write_csv
from retina_xai.io.images import find_images, public_name, read_image
from retina_xai.io.names import shown_name
from retina_xai.verdict import MARGIN, Verdict

COLUMNS = ("file", "rdr_score", "threshold", "decision", "gradability", "reason", "quality_score", "error")


class PrepareSquare(Transform):
    """{"image": path} -> {"image": square (3, size, size) float32, "gradability": `Gradability`, "file": name}.

    A DICOM file is named by its pseudonym.

    Raises:
        InputError: the photograph cannot be read.
    """

    def __init__(self, size: int) -> None:
        self.size = size

    def __call__(self, data: Mapping[str, Any]) -> dict[str, Any]:
        photograph = read_image(Path(data["image"]))
        fundus = prepare(photograph, self.size)
        square = torch.from_numpy(fundus.pixels.transpose(2, 0, 1).copy()).float()
        return {
            **data,
            "image": square,
            "file": photograph.name,
            "gradability": gradability(photograph, fundus.aperture),
        }


class JudgeScore(Transform):
    """{"pred": p(RDR), "gradability": ...} -> the same with "verdict": `Verdict`."""

    def __init__(self, threshold: float, margin: float = MARGIN) -> None:
        self.threshold, self.margin = threshold, margin

    def __call__(self, data: Mapping[str, Any]) -> dict[str, Any]:
        verdict = Verdict(data["gradability"], float(data["pred"]), self.threshold, self.margin)
        return {**data, "verdict": verdict}


def score_photographs_of_bundle(
    dataset_dir: str,
    output_file: str,
    steps: tuple[Callable[[Any], Any], Callable[[Any], Any]],
    inferer: Inferer,
    network: torch.nn.Module,
) -> None:
    """Score a photograph or all of a folder into one CSV with the columns `COLUMNS` (atomic).

    Args:
        steps: before and after the network, such as `PrepareSquare` and `JudgeScore`.

    Raises:
        InputError: no photograph is found. OutputError: the table cannot be written.
    """
    before, after = steps
    device = next(network.parameters()).device
    rows: list[tuple[Any, ...]] = []
    for path in find_images([Path(dataset_dir)]):
        try:
            data = before({"image": path})
            with torch.no_grad():
                score = inferer(data["image"][None].to(device), network)[0]
            said = after({**data, "pred": score})["verdict"]
            rows.append(
                (data["file"], said.score, said.threshold, said.decision, *astuple(said.gradability), None),
            )
        except InputError as error:
            name = public_name(path)
            text = str(error) if name == shown_name(path) else str(error).replace(str(path), name)
            rows.append((name, *[None] * (len(COLUMNS) - 2), text))
    write_csv(Path(output_file), COLUMNS, rows)
