"""Boxes around the objects of photographs, from a CSV file or from Pascal VOC XML files.

    CSV         columns image, xmin, ymin, xmax, ymax, and label if known; one row per box. Coordinates are pixel edges
                from the upper left corner of the photograph: 0 <= xmin < xmax <= width.
    Pascal VOC  a folder of XML files, one per photograph, named as it (ImageNet's boxes, too).
                Their coordinates count pixels from 1 and include the last: xmin - 1 to xmax here.

`image` is the file name of the photograph, with or without ending. Files are not trusted: defusedxml parses the XML,
nothing external is fetched, and entities are refused.
"""

import csv
import hashlib
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import ParseError, parse
from torch import Tensor

from retina_xai.errors import InputError, UsageError
from retina_xai.io.files import sha256_of
from retina_xai.io.names import shown_name
from retina_xai.models.imagenet import ImagenetPreprocessing
from retina_xai.models.network import NetworkInput

CORNERS = ("xmin", "ymin", "xmax", "ymax")


@dataclass(frozen=True)
class Box:
    """A box by its pixel edges, right and bottom excluded, and the label of its object ("" if unknown)."""

    left: float
    top: float
    right: float
    bottom: float
    label: str = ""

    @property
    def area(self) -> float:
        """In pixels; 0 for a box that is empty."""
        return max(0.0, self.right - self.left) * max(0.0, self.bottom - self.top)

    def iou(self, other: "Box") -> float:
        """Intersection over union, in [0, 1]; 0 for two empty boxes.

        >>> Box(0, 0, 2, 2).iou(Box(1, 0, 3, 2))
        0.3333333333333333
        """
        left, top = max(self.left, other.left), max(self.top, other.top)
        common = Box(left, top, min(self.right, other.right), min(self.bottom, other.bottom)).area
        union = self.area + other.area - common
        return common / union if union > 0 else 0.0

    def in_input(self, shape: tuple[int, int], rules: NetworkInput) -> "Box":
        """The part of the box that a network sees: of a photograph of `shape` (H, W), resized and cropped.

        Raises:
            UsageError: a network whose input is made in another way.
        """
        if not isinstance(rules, ImagenetPreprocessing):
            raise UsageError("boxes need a network of everyday photographs; for fundus photographs give masks")
        short = min(shape)
        scaled = [rules.resize if side == short else int(rules.resize * side / short) for side in shape]
        (y, x), (down, across) = (
            [new / side for new, side in zip(scaled, shape, strict=True)],
            [round((new - rules.size) / 2) for new in scaled],
        )

        def inside(edge: float) -> float:
            return min(max(edge, 0.0), float(rules.size))

        left, right = (inside(edge * x - across) for edge in (self.left, self.right))
        top, bottom = (inside(edge * y - down) for edge in (self.top, self.bottom))
        return Box(left, top, right, bottom, self.label)


def boxes_of(path: Path, photograph: Path) -> tuple[Box, ...]:
    """The boxes of one photograph, in its pixels.

    Raises:
        InputError: there are none, or the file is missing, damaged or of another form.
    """
    found = _all(str(path), _state(path)).get(photograph.stem, ())
    if not found:
        raise InputError(f"{shown_name(photograph.name)}: no box in {path}; give one, or leave the photograph out")
    return found


def fingerprint(path: Path) -> str:
    """SHA-256 of the CSV file, or of all XML files of the folder."""
    if path.is_file():
        return sha256_of(path)
    digest = hashlib.sha256()
    for file in _xml_files(path):
        digest.update(f"{file.name} {sha256_of(file)}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def mask_of(boxes: Sequence[Box], size: int) -> Tensor:
    """Where the boxes are, (size, size) bool: pixels whose centre lies in one."""
    mask = torch.zeros(size, size, dtype=torch.bool)
    for box in boxes:
        left, top, right, bottom = (math.ceil(edge - 0.5) for edge in (box.left, box.top, box.right, box.bottom))
        mask[top:bottom, left:right] = True
    return mask


def _state(path: Path) -> tuple[int, ...]:
    """Changes when a file changes."""
    files = [path] if path.is_file() else _xml_files(path)
    return tuple(file.stat().st_mtime_ns for file in files)


@lru_cache(maxsize=2)
def _all(path: str, state: tuple[int, ...]) -> Mapping[str, tuple[Box, ...]]:
    place = Path(path)
    found: dict[str, list[Box]] = defaultdict(list)
    for name, box in _csv_boxes(place) if place.is_file() else _voc_boxes(place):
        found[name].append(box)
    return {name: tuple(boxes) for name, boxes in found.items()}


def _xml_files(folder: Path) -> list[Path]:
    files = sorted(folder.glob("*.xml")) if folder.is_dir() else []
    if not files:
        raise InputError(f"{folder}: no boxes; give a CSV file or a folder of Pascal VOC XML files")
    return files


def _csv_boxes(path: Path) -> Iterator[tuple[str, Box]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            missing = [name for name in ("image", *CORNERS) if name not in (rows.fieldnames or ())]
            if missing:
                raise InputError(f"{path}: no column {missing[0]!r}; expected image, {', '.join(CORNERS)} and label")
            for number, row in enumerate(rows, start=2):
                edges = _edges([row[name] for name in CORNERS], f"{path}, line {number}")
                yield Path(row["image"] or "").stem, Box(*edges, (row.get("label") or "").strip())
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not readable as CSV; give UTF-8 text with commas") from error


def _voc_boxes(folder: Path) -> Iterator[tuple[str, Box]]:
    for file in _xml_files(folder):
        try:
            root = parse(file, forbid_dtd=True).getroot()
        except (OSError, ParseError, DefusedXmlException, ValueError) as error:
            raise InputError(f"{file}: not readable as Pascal VOC XML; check the file") from error
        for item in () if root is None else root.iter("object"):
            box = item.find("bndbox")
            texts = [None if box is None else box.findtext(name) for name in CORNERS]
            left, top, right, bottom = _edges(texts, str(file), first=1)
            yield file.stem, Box(left - 1, top - 1, right, bottom, (item.findtext("name") or "").strip())


def _edges(texts: Sequence[str | None], where: str, first: float = 0) -> tuple[float, float, float, float]:
    """Corners as numbers; `first` is the coordinate of the first pixel, 1 where the last pixel is included."""
    try:
        left, top, right, bottom = (float(text or "") for text in texts)
    except ValueError as error:
        raise InputError(f"{where}: box {list(texts)}: expected four numbers {', '.join(CORNERS)}") from error
    if not (first <= left < right + first < math.inf and first <= top < bottom + first < math.inf):
        raise InputError(f"{where}: box {list(texts)}: expected {first:g} <= xmin < xmax and {first:g} <= ymin < ymax")
    return left, top, right, bottom
