"""A short run of `make fuzz`: no damaged file ends in anything but a refusal in one line, or a value."""

import itertools
import time
from random import Random

import numpy as np
import pytest
from fuzz import loop
from fuzz.loop import FuzzCounts, fuzz
from fuzz.mutations import BYTES, TEXTS, mutated
from fuzz.seeds import IMAGES
from fuzz.targets import FuzzTarget, all_targets

from retina_xai.errors import InputError

CASES, SEED = 80, 0
EXACT = ("PNG", "TIFF, deflate", "weights")
"""Formats with checksums: no damage may change the content silently."""


@pytest.fixture(scope="module")
def targets(tmp_path_factory):
    return {target.name: target for target in all_targets(tmp_path_factory.mktemp("fuzz"))}


NAMES = (*IMAGES, "DiaretDB1 XML", "label CSV", "TOML config", "weights", "store of readings", "reading JSON")
NAMES += ("record JSON", "score cache")


def test_every_target_is_fuzzed(targets):
    assert tuple(targets) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_damaged_files_are_refused_in_one_line_or_read(targets, name):
    counts = fuzz(targets[name], SEED, cases=CASES)
    assert [fault for fault, _ in counts.faults] == []
    assert counts.cases == counts.refused + counts.read == CASES
    assert name not in EXACT or counts.changed == 0
    assert counts.refused or name == "score cache", "a damaged cache is started again"


def broken(path):
    raise KeyError(path.name)


def verbose(path):
    raise InputError("two\nlines")


def greedy(path):
    return np.ones(4 * 2**30, np.uint8)


def endless(path):
    while True:
        try:
            sum(range(1000))
        except Exception:
            continue


@pytest.mark.parametrize(
    ("read", "fault"),
    [(broken, "KeyError"), (verbose, "message: two"), (greedy, "MemoryError"), (endless, "TooSlow")],
)
def test_what_the_run_must_not_miss_is_a_fault(tmp_path, monkeypatch, read, fault):
    calls = itertools.count()

    def after_the_first(path):
        return None if next(calls) == 0 else read(path)

    monkeypatch.setattr(loop, "SECONDS", 0.2)
    counts = fuzz(FuzzTarget("x", tmp_path / "x", (b"whole",), after_the_first), SEED, cases=1)
    ((line, content),) = counts.faults
    assert (line[: len(fault)], counts.read) == (fault, 0)
    assert content != b"whole"


def test_a_value_that_differs_from_the_whole_file_is_counted(tmp_path):
    target = FuzzTarget("x", tmp_path / "x", (b"whole",), lambda path: path.read_bytes(), BYTES, bytes.__eq__)
    counts = fuzz(target, SEED, cases=20)
    assert counts == FuzzCounts(cases=20, read=20, changed=20)


@pytest.mark.parametrize("mutations", [BYTES, TEXTS])
@pytest.mark.parametrize("data", [b"", b"a", b'{"a": 1}\n<b>2</b>\n'])
def test_the_same_seed_makes_the_same_damages_and_never_the_whole_file(data, mutations):
    first, second = ([mutated(Random(seed), data, b"other 7", mutations) for seed in range(200)] for _ in range(2))
    assert first == second
    assert data not in first


def test_a_setting_with_20000_parts_is_refused_at_once(targets):
    target = targets["TOML config"]
    target.place.write_bytes(b"a." * 20_000 + b"a = 1\n")
    before = time.monotonic()
    with pytest.raises(InputError, match=r"config.toml: not a TOML file of settings \(nested too deeply\); correct it"):
        target.read(target.place)
    assert time.monotonic() - before < 2


def test_a_store_with_a_damaged_schema_is_one_line(targets):
    target = targets["store of readings"]
    target.place.write_bytes(target.seeds[0].replace(b"NOT NULL PRIMARY KEY", b"NOT NULL PRIMARY, EY"))
    with pytest.raises(InputError, match=r"not usable as a store of readings .malformed .*; restore it"):
        target.read(target.place)
