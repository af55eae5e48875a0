"""A small DiaretDB1 v2.1 on disk: two photographs of 120x90, four annotators, train and test lists."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

DOCTYPE = '<!DOCTYPE imgannotool SYSTEM "http://192.0.2.1/imgannotool_dataformat.dtd">'


def region_xml(region: str, lesion_type: str, confidence: str = "High") -> str:
    return (
        f"<marking>{region}<representativepoint><coords2d>1,1</coords2d></representativepoint>"
        f"<confidencelevel>{confidence}</confidencelevel><markingtype>{lesion_type}</markingtype></marking>"
    )


def circle_xml(x: int, y: int, radius: int, lesion_type: str = "Haemorrhages", confidence: str = "High") -> str:
    region = f'<centroid><coords2d>{x},{y}</coords2d></centroid><radius direction="x">{radius}</radius>'
    return region_xml(f"<circleregion>{region}</circleregion>", lesion_type, confidence)


def file_xml(*markings: str, doctype: str = "<!DOCTYPE imgannotool>", size: tuple[int, int] | None = (120, 90)) -> str:
    stated = f' width="{size[0]}" height="{size[1]}"' if size else ""
    return (
        f'<?xml version="1.0" standalone="no"?>\n{doctype}\n'
        f"<imgannotooldata{stated}><header><creator>One</creator></header>\n"
        f"<markinglist>\n{''.join(markings)}\n</markinglist></imgannotooldata>\n"
    )


# Photograph 1: a haemorrhage seen by three annotators at (30, 40), one seen by two at (80, 40), a soft exudate by all.
OPINIONS = {
    "image001": [
        [circle_xml(30, 40, 6), circle_xml(80, 40, 5), circle_xml(60, 70, 4, "Soft_exudates")],
        [circle_xml(30, 40, 6, confidence="Low"), circle_xml(80, 40, 5), circle_xml(60, 70, 4, "Soft_exudates")],
        [circle_xml(30, 40, 6, confidence="Medium"), circle_xml(60, 70, 4, "Soft_exudates")],
        [circle_xml(60, 70, 4, "Soft_exudates"), circle_xml(100, 45, 12, "Disc")],
    ],
    "image002": [[], [], [], [circle_xml(20, 20, 3, "Red_small_dots")]],
}


@pytest.fixture
def xml() -> dict[str, Callable[..., str]]:
    """Writers of annotation files: file(*markings), region(region, type), circle(x, y, radius, type, confidence)."""
    return {"file": file_xml, "region": region_xml, "circle": circle_xml}


@pytest.fixture
def diaretdb1(tmp_path: Path) -> Path:
    """The folder ddb1_v02_01; image001 is in the train list and image002 in the test list."""
    folder = tmp_path / "ddb1_v02_01"
    for name in ("images", "groundtruth"):
        (folder / name).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number, (part, name) in enumerate(zip(("train", "test"), OPINIONS, strict=True)):
        pixels = np.full((90, 120, 3), 60 + number, np.uint8) + rng.integers(0, 9, (90, 120, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "images" / f"diaretdb1_{name}.png")
        line, plain_line = f"images/diaretdb1_{name}.png", f"images/diaretdb1_{name}.png"
        for annotator, markings in enumerate(OPINIONS[name], start=1):
            stem = f"groundtruth/diaretdb1_{name}_{annotator:02d}"
            (folder / f"{stem}.xml").write_text(file_xml(*markings, doctype=DOCTYPE), encoding="utf-8")
            (folder / f"{stem}_plain.xml").write_text(file_xml(*markings), encoding="utf-8")
            line, plain_line = f"{line} {stem}.xml", f"{plain_line} {stem}_plain.xml"
        (folder / f"ddb1_v02_01_{part}.txt").write_text(line + "\n", encoding="utf-8")
        (folder / f"ddb1_v02_01_{part}_plain.txt").write_text(plain_line + "\n", encoding="utf-8")
    return folder
