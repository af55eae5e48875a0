"""Memory: no bomb, and no photograph of 100 megapixels, takes more than 2 GB, measured as the kernel counts it."""

import os
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest
import tifffile
from helpers.bombs import BOMBS
from helpers.image_files import refusal
from PIL import Image

from retina_xai.drawing import overlay
from retina_xai.fundus import field_of_view as views
from retina_xai.fundus.geometry import Geometry
from retina_xai.io.images import read_image, write_png, write_png_bands
from retina_xai.lesions.candidates import label_regions, lesion_candidates
from retina_xai.models.imagenet import ImagenetPreprocessing
from retina_xai.row_bands import row_bands
from retina_xai.training.phantoms.phantom import make_phantom

MOST_MB = 2000
BOMB_MB = 400
"""What reading a bomb may take beyond what the process takes already."""

READING = """
import resource, sys
from pathlib import Path
from retina_xai.errors import InputError
from retina_xai.io.images import read_image
for path in sorted(Path(sys.argv[1]).iterdir()):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        read_image(path)
    except InputError:
        print(path.name, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024, sep=":")
"""


COMMAND = """
from pathlib import Path
from retina_xai.app.cli.entry_point import main
try:
    main()
finally:
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
    print(peak)
"""


def peak_of(*arguments) -> tuple[int, int, str]:
    """Exit code, peak memory in MB and the output of a command line in a process of its own.

    The process reads its peak (VmHWM) itself: `ru_maxrss` of a child also counts the memory of its parent.
    """
    run = subprocess.run(
        [sys.executable, "-c", COMMAND, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    said, _, peak = run.stdout.rpartition("VmHWM:")
    return run.returncode, int(peak.split()[0]) * 1024 // 10**6, said


def test_no_bomb_takes_memory_or_time(tmp_path):
    for name, content in BOMBS.items():
        (tmp_path / name).write_bytes(content())
    begin = time.perf_counter()
    run = subprocess.run([sys.executable, "-c", READING, tmp_path], capture_output=True, text=True, check=True)
    assert time.perf_counter() - begin < 60
    taken = dict(line.rsplit(":", 1) for line in run.stdout.splitlines())
    assert taken.keys() == BOMBS.keys(), "each is refused"
    assert {name: int(size) for name, size in taken.items() if int(size) > BOMB_MB} == {}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_in_one_line(tmp_path, name):
    (tmp_path / name).write_bytes(BOMBS[name]())
    expected = ("is too large (at most", "its samples take", "is a volume of", "has more than 1000 pages", "damaged")
    expected += (
        "has a DICOM header of more than",
        "its header says",
        "frames and none was chosen",
        "decoding it takes",
    )
    assert any(part in refusal(tmp_path / name) for part in expected)


def test_a_file_of_a_gigabyte_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "long.jpg"
    path.write_bytes(b"\xff\xd8\xff\xe0")
    os.truncate(path, 10**9)
    assert refusal(path) == "is a file of 1000 MB (at most 700 MB); save it as RGB with 8 bits per sample"


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(8680, 11520), (3333, 30_000)])
def test_a_100_megapixel_jpeg_is_localized_within_2_gb(weights, tmp_path, shape):
    height, width = shape
    eye = cv2.resize(make_phantom(3, 512, 640, grade=3).pixels, (width, height), interpolation=cv2.INTER_LINEAR)
    Image.fromarray(eye).save(tmp_path / "eye.jpg", quality=90)
    del eye
    options = ("--weights", weights, "--method", "saliency", "--ungradable", "--out", tmp_path / "out")
    code, peak, said = peak_of("localize", tmp_path / "eye.jpg", *options)
    assert code == 0, said
    assert peak < MOST_MB
    with Image.open(tmp_path / "out" / "eye_overlay.png") as picture:
        assert picture.size == (width, height)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["cmyk.jpg", "deep.tif", "rgba.png"])
def test_100_megapixels_of_every_kind_are_predicted_within_2_gb(weights, tmp_path, kind):
    eye = cv2.resize(make_phantom(3, 512, 640, grade=3).pixels, (11_520, 8680), interpolation=cv2.INTER_LINEAR)
    path = tmp_path / kind
    if kind == "deep.tif":
        tifffile.imwrite(path, eye.astype(np.uint16) * 257, photometric="rgb")
    else:
        mode, options = {
            "cmyk.jpg": ("CMYK", {"progressive": True}),
            "rgba.png": ("RGBA", {"compress_level": 1}),
        }[kind]
        Image.fromarray(eye).convert(mode).save(path, **options)
    del eye
    code, peak, said = peak_of("predict", path, "--weights", weights, "--out", tmp_path / "table.csv")
    assert code == 0, said
    assert peak < MOST_MB


def results(path):
    """Everything that is computed in bands, for one small photograph."""
    pixels = read_image(path).pixels
    view = views.field_of_view(pixels)
    square, mask, geometry = views.square_of(pixels, view, 64)
    evidence = geometry.map_to_file(square[..., 0] / 255.0)
    regions = label_regions(evidence > 0.3)
    lesions = [(lesion.score, lesion.shape) for lesion in lesion_candidates(evidence)]
    arrays = (pixels, view.mask, square, mask, evidence, geometry.map_from_file(evidence), regions.labels)
    return (*arrays, overlay(pixels, evidence)), lesions, view.filled


@pytest.mark.parametrize("kind", ["rgb.png", "rgba.png", "cmyk.jpg", "deep.tif", "float.tif", "alpha.tif"])
def test_work_in_bands_gives_the_same_results(tmp_path, monkeypatch, kind):
    eye = make_phantom(3, 150, 201, grade=3).pixels
    deep = {"deep.tif": eye.astype(np.uint16) * 200, "float.tif": eye / np.float32(255)}
    deep["alpha.tif"] = np.dstack([eye, eye[..., 0]]).astype(np.uint16) * 257
    if kind in deep:
        extra = {"extrasamples": ["unassalpha"]} if kind == "alpha.tif" else {}
        tifffile.imwrite(tmp_path / kind, deep[kind], photometric="rgb", **extra)
    else:
        Image.fromarray(eye).convert(kind.split(".")[0].upper()).save(tmp_path / kind)
    arrays, lesions, filled = results(tmp_path / kind)
    monkeypatch.setattr("retina_xai.row_bands.BAND_PIXELS", 700)
    assert len(list(row_bands(150, 201))) == 50
    again, lesions_again, filled_again = results(tmp_path / kind)
    for one, other in zip(arrays, again, strict=True):
        np.testing.assert_array_equal(one, other)
    assert (lesions, filled) == (lesions_again, filled_again)


def test_pictures_in_bands_are_the_same_file(tmp_path):
    eye = make_phantom(3, 150, 201).pixels
    write_png(tmp_path / "whole.png", eye)
    write_png_bands(tmp_path / "bands.png", 150, 201, (eye[row : row + 7] for row in range(0, 150, 7)))
    assert (tmp_path / "whole.png").read_bytes() == (tmp_path / "bands.png").read_bytes()


def test_a_square_too_large_to_copy_is_nearly_the_one_that_is_copied(monkeypatch):
    eye = make_phantom(3, 500, 640, grade=3).pixels
    view = views.field_of_view(eye)
    square, mask, geometry = views.square_of(eye, view, 96)
    monkeypatch.setattr(views, "MAX_CROP", 100)
    streamed, streamed_mask, same = views.square_of(eye, view, 96)
    assert same == geometry
    assert isinstance(same, Geometry)
    assert np.abs(streamed.astype(int) - square).mean() < 3
    assert (streamed_mask != mask).mean() < 0.01


def test_more_regions_than_16_bits_hold_are_counted():
    mask = np.zeros((600, 600), bool)
    mask[::2, ::2] = True
    regions = label_regions(mask)
    assert (regions.count, regions.labels.max()) == (90_000, 90_000)
    assert label_regions(mask[:100]).labels.dtype == np.uint16


def test_imagenet_input_is_the_same_channel_by_channel():
    from torchvision import transforms

    pixels = make_phantom(3, 300, 401).pixels
    rules = ImagenetPreprocessing()
    steps = [transforms.ToTensor(), transforms.Resize(256, antialias=True), transforms.CenterCrop(224)]
    expected = transforms.Compose([*steps, transforms.Normalize(rules.mean, rules.std)])(pixels)
    assert np.array_equal(rules.to_tensor(pixels).numpy(), expected.numpy())
