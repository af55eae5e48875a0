"""Damaged files are refused, never read silently; sound ones keep their pixels."""

import tracemalloc
from random import Random

import numpy as np
import pytest
import tifffile
from helpers.command_line import command
from helpers.damage import DAMAGES, damaged_jpeg, one_bit
from helpers.image_files import RGB, refusal, save
from PIL import Image

from retina_xai.io.images import read_image
from retina_xai.training.phantoms.phantom import make_phantom

PHANTOM = Image.fromarray(make_phantom(3, 240, 300, grade=3).pixels)
UNREADABLE = "damaged, truncated or unsupported JPEG file; copy or export it again"

JPEGS = {
    "baseline": {},
    "progressive": {"progressive": True},
    "4:4:4": {"subsampling": 0},
    "4:2:2": {"subsampling": 1},
    "optimised": {"optimize": True},
    "restart markers": {"restart_marker_rows": 1},
    "stored as RGB": {"keep_rgb": True},
    "grey": {"mode": "L"},
    "CMYK": {"mode": "CMYK"},
}
"""Options of Pillow's encoder by name."""

LAYOUTS = {"one strip": {"rowsperstrip": 240}, "strips": {"rowsperstrip": 32}, "tiles": {"tile": (64, 64)}}
CHECKED = [*[(compression, layout) for compression in ("lzw", "zlib") for layout in LAYOUTS], ("jpeg", "one strip")]
"""The tiles of a JPEG TIFF are so small that half of the zeroed ones have valid codes of the right number."""


@pytest.fixture
def call(monkeypatch, capfd):
    return command(monkeypatch, capfd)


def jpeg(path, mode="RGB", **options):
    PHANTOM.convert(mode).save(path, "JPEG", quality=90, **options)
    return path


@pytest.mark.parametrize("name", JPEGS)
def test_a_damaged_jpeg_with_its_end_marker_is_refused(tmp_path, name):
    content = jpeg(tmp_path / "eye.jpg", **JPEGS[name]).read_bytes()
    for kind, damage in DAMAGES.items():
        for seed in range(4):
            (tmp_path / "bad.jpg").write_bytes(damaged_jpeg(content, damage, Random(seed)))
            assert refusal(tmp_path / "bad.jpg") == UNREADABLE, (kind, seed)


@pytest.mark.parametrize("name", JPEGS)
def test_a_sound_jpeg_has_the_pixels_that_pillow_decodes(tmp_path, name):
    path = jpeg(tmp_path / "eye.jpg", **JPEGS[name])
    with Image.open(path) as image:
        expected = np.asarray(image.convert("RGB"))
    assert np.array_equal(read_image(path).pixels, expected)
    path.write_bytes(path.read_bytes() + b"an appended preview")
    assert np.array_equal(read_image(path).pixels, expected)


def test_every_damage_of_real_photographs_is_refused_and_the_sound_ones_keep_their_pixels(real_data, tmp_path):
    folders = {"eyepacs/train": 6, "idrid/images": 6, "mexico/images": 6, "drimdb/good": 4}
    paths = [path for name, count in folders.items() for path in sorted((real_data / name).iterdir())[:count]]
    assert len(paths) == 22
    for seed, path in enumerate(paths):
        assert np.array_equal(read_image(path).pixels, np.asarray(Image.open(path).convert("RGB")))
        for kind, damage in DAMAGES.items():
            (tmp_path / "bad.jpg").write_bytes(damaged_jpeg(path.read_bytes(), damage, Random(seed)))
            assert refusal(tmp_path / "bad.jpg") == UNREADABLE, (path, kind)


def tiff(path, compression, layout, dtype=np.uint8):
    pixels = np.asarray(PHANTOM).astype(dtype) * (257 if dtype == np.uint16 else 1)
    tifffile.imwrite(path, pixels, photometric="rgb", compression=compression, **LAYOUTS[layout])
    with tifffile.TiffFile(path) as file:
        segments = list(zip(file.pages[0].dataoffsets, file.pages[0].databytecounts, strict=True))
    return path.read_bytes(), max(segments, key=lambda segment: segment[1])


@pytest.mark.parametrize(("compression", "layout"), CHECKED)
def test_a_damaged_lzw_deflate_or_jpeg_tiff_is_refused_and_nothing_is_on_stderr(tmp_path, capfd, compression, layout):
    path = tmp_path / "bad.tif"
    content, (start, length) = tiff(path, compression, layout)
    read_image(path)
    for kind, damage in DAMAGES.items():
        for seed in range(4):
            bad = damage(content[start : start + length], Random(seed))[:length].ljust(length, b"\0")
            path.write_bytes(content[:start] + bad + content[start + length :])
            message = refusal(path)
            assert message.endswith(" is corrupt or incomplete; copy or export it again"), (kind, seed)
            assert message.startswith(f"damaged TIFF file, {'tile' if layout == 'tiles' else 'strip'} ")
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_every_flipped_bit_of_a_deflated_tiff_is_detected(tmp_path, dtype):
    path = tmp_path / "flipped.tif"
    content, (start, length) = tiff(path, "zlib", "strips", dtype)
    for seed in range(40):
        path.write_bytes(
            content[:start] + one_bit(content[start : start + length], Random(seed)) + content[start + length :]
        )
        assert "is corrupt or incomplete" in refusal(path), seed


def test_a_missing_strip_is_refused(tmp_path):
    path = tmp_path / "short.tif"
    tiff(path, None, "strips")
    with tifffile.TiffFile(path, mode="r+") as file:
        counts = list(file.pages[0].databytecounts)
        file.pages[0].tags["StripByteCounts"].overwrite([*counts[:2], 0, *counts[3:]])
    assert refusal(path) == "damaged TIFF file, strip 2 is corrupt or incomplete; copy or export it again"


def test_a_strip_of_four_gigabytes_in_a_small_file_takes_no_memory(tmp_path):
    path = tmp_path / "large.tif"
    tiff(path, "zlib", "strips")
    with tifffile.TiffFile(path, mode="r+") as file:
        tag = file.pages[0].tags["StripByteCounts"]
        tag.overwrite([2**32 - 1, *tag.value[1:]], dtype="I")
    tracemalloc.start()
    try:
        assert "damaged TIFF file" in refusal(path)
        assert tracemalloc.get_traced_memory()[1] < 50e6
    finally:
        tracemalloc.stop()


def test_a_batch_names_the_damaged_files_and_scores_the_others(call, weights, tmp_path):
    folder = tmp_path / "eyes"
    folder.mkdir()
    content = jpeg(folder / "sound.jpg").read_bytes()
    (folder / "cut.jpg").write_bytes(damaged_jpeg(content, DAMAGES["cut"], Random(0)))
    stored, (start, length) = tiff(folder / "lzw.tif", "lzw", "strips")
    (folder / "lzw.tif").write_bytes(stored[: start + length // 2] + bytes(length // 2) + stored[start + length :])
    code, out, err = call("predict", folder, "--weights", weights, "--out", tmp_path / "table.csv")
    assert (code, err) == (5, "error: 2 of 3 photographs failed (cut.jpg, lzw.tif); the others are done\n")
    assert f"cut.jpg: failed: {folder / 'cut.jpg'}: {UNREADABLE}\n" in out
    assert "lzw.tif: damaged TIFF file, strip" in out
    assert [row.split(",")[0] for row in (tmp_path / "table.csv").read_text().splitlines()[1:]] == [
        str(folder / "sound.jpg")
    ]


@pytest.mark.parametrize("share", [0.01, 0.2, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("name", ["t.jpg", "progressive.jpg", "t.png", "t.tif", "lzw.tif", "deep.tif", "t.bmp"])
def test_truncated_files_are_refused(tmp_path, name, share):
    path = tmp_path / name
    if name == "deep.tif":
        tifffile.imwrite(path, RGB.astype(np.uint16), photometric="rgb")
    else:
        options = {"progressive.jpg": {"progressive": True}, "lzw.tif": {"compression": "tiff_lzw"}}
        save(path, RGB, **options.get(name, {}))
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    assert refusal(path).startswith(("damaged, truncated or unsupported", "damaged TIFF file, strip"))


def test_every_flipped_bit_of_a_png_is_detected(tmp_path):
    data = bytearray(save(tmp_path / "b.png", RGB).read_bytes())
    path = tmp_path / "flipped.png"
    rng = np.random.default_rng(0)
    for position in rng.choice(np.arange(8, len(data)), 60, replace=False):
        flipped = bytearray(data)
        flipped[position] ^= 1 << int(rng.integers(8))
        path.write_bytes(flipped)
        assert refusal(path), position
