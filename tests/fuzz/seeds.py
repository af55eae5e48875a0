"""Whole files from which the damaged ones are made: small, and one for each way of storing that the readers know."""

import io
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import tifffile
from helpers.dicom_files import COMPRESSED, NATIVE, content_as, photograph
from helpers.readings import READING, reading_of
from PIL import Image

from retina_xai.app.readings.store import open_store
from retina_xai.training.phantoms.datasets import PhantomSet, write_diaretdb1, write_eyepacs
from retina_xai.training.phantoms.phantom import make_phantom

PIXELS = make_phantom(3, 80, 96, grade=3).pixels
DEEP = PIXELS.astype(np.uint16) * 257
SMALL = PhantomSet(height=80, width=96)
CONFIG = b"""seed = 3
patience = 4

[network]
architecture = "rdr5x5"
width = 0.5

[data]
folds = 5
labels = ["train", "test"]

[preprocessing]
mean = [0.5, 0.4, 0.3]
std = [0.2, 0.2, 0.2]

[optimiser]
name = "adamw"
lr = 1e-3

[hardware]
accelerator = "cpu"
devices = 1

[[stages]]
size = 64
epochs = 2
batch = 4
"""


def image(kind: str, pixels: np.ndarray = PIXELS, **options: object) -> bytes:
    """An image file by Pillow."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format=kind, **options)
    return stream.getvalue()


def tiff(pixels: np.ndarray, **options: object) -> bytes:
    """A TIFF by tifffile."""
    stream = io.BytesIO()
    tifffile.imwrite(stream, pixels, **options)
    return stream.getvalue()


IMAGES: dict[str, tuple[bytes, ...]] = {
    "PNG": (image("PNG"), image("PNG", PIXELS[..., 1]), image("PNG", DEEP[..., 0])),
    "JPEG": (
        image("JPEG", quality=92),
        image("JPEG", PIXELS[..., 1]),
        image("JPEG", quality=80, restart_marker_rows=1),
    ),
    "JPEG, progressive": (image("JPEG", progressive=True), image("JPEG", progressive=True, quality=60)),
    "TIFF, deflate": (
        image("TIFF", compression="tiff_adobe_deflate"),
        tiff(DEEP, photometric="rgb", compression="zlib"),
    ),
    "TIFF, LZW": (image("TIFF", compression="tiff_lzw"),),
    "TIFF, JPEG": (image("TIFF", compression="jpeg", quality=90),),
    "TIFF, plain": (image("TIFF"), tiff(DEEP, photometric="rgb"), tiff(PIXELS / np.float32(255), photometric="rgb")),
    "BMP": (image("BMP"), image("BMP", PIXELS[..., 1])),
    "DICOM, native": tuple(content_as(photograph(PIXELS), kind) for kind in NATIVE),
    "DICOM, 16 bit": (content_as(photograph(DEEP[..., 0]), "explicit"),),
    **{f"DICOM, {kind}": (content_as(photograph(PIXELS), kind),) for kind in COMPRESSED},
}
"""By target; the pixels of each kind are those of one phantom."""


def diaretdb1(folder: Path) -> tuple[bytes, ...]:
    """Annotation files of a phantom data set."""
    write_diaretdb1(folder, 2, 0, SMALL)
    return tuple(path.read_bytes() for path in sorted(folder.rglob("*.xml")))


def labels(folder: Path) -> tuple[bytes, ...]:
    """The label table of a phantom data set, which stays in the folder."""
    write_eyepacs(folder, 4, 0, SMALL)
    content = (folder / "trainLabels.csv").read_bytes()
    return content, b"\xef\xbb\xbf" + content.replace(b"\n", b"\r\n")


def store(folder: Path) -> tuple[bytes, ...]:
    """A store of readings without its log."""
    path = folder / "readings.sqlite"
    opened = open_store(path)
    for reading in (READING, replace(READING, reader="Bob"), reading_of("b.png", comment="x" * 500)):
        opened.add(reading)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    old = Path(__file__).resolve().parents[1] / "app" / "readings" / "schema1.sqlite"
    return path.read_bytes(), old.read_bytes()


def readings(_: Path) -> tuple[bytes, ...]:
    """Readings as JSON."""
    return tuple(json.dumps(one.to_json()).encode() for one in (READING, reading_of("b.png", lesions=())))


Seeds = Callable[[Path], tuple[bytes, ...]]
