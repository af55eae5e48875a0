"""The cache: copies are made once and keyed by content; unreadable and ungradable photographs are left out."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from retina_xai.errors import InputError
from retina_xai.fundus.preprocessing import prepare
from retina_xai.grades.photographs import LabelledPhotograph
from retina_xai.io.images import read_image
from retina_xai.training.data import cache as module
from retina_xai.training.data.cache import CacheRequest, fill_cache


def _photograph(folder: Path, name: str, bright: int = 120) -> LabelledPhotograph:
    image = np.zeros((120, 160, 3), np.uint8)
    cv2.circle(image, (80, 60), 55, (40, 80, bright), -1)
    path = folder / f"{name}.png"
    cv2.imwrite(str(path), image)
    return LabelledPhotograph(name, f"eyepacs:{name.split('_', maxsplit=1)[0]}", 0, path)


def test_copies_are_the_prepared_photographs_in_every_size(tmp_path: Path) -> None:
    photo = _photograph(tmp_path, "1_left")
    cache = fill_cache([photo], CacheRequest(tmp_path / "cache", (32, 64)))
    for size in (32, 64):
        expected = prepare(read_image(photo.path), size).pixels
        assert np.array_equal(np.load(cache.path("1_left", size)), expected)


def test_nothing_is_decoded_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photo, request = _photograph(tmp_path, "1_left"), CacheRequest(tmp_path / "cache", (32,))
    first = fill_cache([photo], request)

    def forbidden(path: Path) -> None:
        raise AssertionError(path)

    monkeypatch.setattr(module, "read_image", forbidden)
    assert fill_cache([photo], request) == first


def test_a_changed_file_gets_another_copy(tmp_path: Path) -> None:
    request = CacheRequest(tmp_path / "cache", (32,))
    before = fill_cache([_photograph(tmp_path, "1_left")], request).path("1_left", 32)
    after = fill_cache([_photograph(tmp_path, "1_left", bright=200)], request).path("1_left", 32)
    assert before != after and before.is_file() and after.is_file()


def test_unreadable_photographs_are_left_out_with_the_reason(tmp_path: Path) -> None:
    good, bad, gone = (_photograph(tmp_path, name) for name in ("1_left", "2_left", "3_left"))
    bad.path.write_text("no picture")
    gone.path.unlink()
    cache = fill_cache([good, bad, gone], CacheRequest(tmp_path / "cache", (32,)))
    assert list(cache.hashes) == ["1_left"]
    assert list(cache.left_out) == ["2_left", "3_left"]
    assert cache.left_out["2_left"].startswith("2_left.png: ") and str(tmp_path) not in cache.left_out["2_left"]


def test_ungradable_photographs_are_left_out_on_request_only(tmp_path: Path) -> None:
    photo = _photograph(tmp_path, "1_left")
    cv2.imwrite(str(photo.path), np.zeros((300, 300, 3), np.uint8))
    kept = fill_cache([photo], CacheRequest(tmp_path / "cache", (32,)))
    assert list(kept.hashes) == ["1_left"]
    request = CacheRequest(tmp_path / "cache", (32,), drop_ungradable=True)
    for _ in range(2):
        assert fill_cache([photo], request).left_out["1_left"].startswith("ungradable: ")


def test_a_folder_that_cannot_be_written_ends_the_run(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file, no folder")
    with pytest.raises(InputError, match="cannot write"):
        fill_cache([_photograph(tmp_path, "1_left")], CacheRequest(tmp_path / "cache", (32,)))


def test_the_shorter_side_of_a_photograph_is_kept_beside_its_copy(tmp_path: Path) -> None:
    photo = _photograph(tmp_path, "1_left")
    side = min(read_image(photo.path).pixels.shape[:2])
    assert fill_cache([photo], CacheRequest(tmp_path / "cache", (32,))).sides == {}
    for _ in range(2):
        assert fill_cache([photo], CacheRequest(tmp_path / "cache", (32,), sides=True)).sides == {"1_left": side}
