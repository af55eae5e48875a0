"""Earlier results on disk: results of `localize` and runs of `evaluate`.

An earlier result of `localize` is used instead of a computation if the hashes of photograph and weights, the method and
its settings are the same.
"""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from retina_xai.artefacts import ARTEFACTS_FILE
from retina_xai.errors import InputError
from retina_xai.evaluation.lesions.operating_points import MeasuredRun, read_measured
from retina_xai.io.results import SETTINGS_FILE, command_of
from retina_xai.records import read_evidence, read_record


@dataclass(frozen=True)
class Earlier:
    """Records of localized photographs by SHA-256 of the photograph, measured runs, and suspicious places.

    `places` say by record and number of a lesion in how many eyes there is a candidate at the same place, as "7 of 61".
    """

    records: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    runs: tuple[MeasuredRun, ...] = ()
    places: Mapping[Path, Mapping[int, str]] = field(default_factory=dict)

    def evidence(
        self, sha256: str, run: Mapping[str, Any]
    ) -> tuple[dict[str, Any], np.ndarray, Mapping[int, str]] | None:
        """What an earlier run with the same `records.run_facts` found in a photograph; None where there is none.

        Returns:
            Its record, the evidence (H, W) float32, and the suspicious places by number of a lesion.

        Raises:
            InputError: a damaged record, or evidence that cannot be read.
        """
        for path in self.records.get(sha256, ()):
            record = read_record(path)
            with _whole(path):
                fits = _same(record, run) and record["explanation"] is not None
            if fits:
                evidence = read_evidence(path.with_name(f"{path.stem}_evidence.png"))
                return record, evidence, self.places.get(path, {})
        return None

    def measured(self, run: Mapping[str, Any]) -> MeasuredRun | None:
        """The run of the evaluation that used these weights and this method, if there is one."""
        model, method = run["model"]["sha256"], run["method"]
        return next((one for one in self.runs if one.fits(model, method["name"], method["settings"])), None)


def find_earlier(folders: Iterable[Path]) -> Earlier:
    """Look through folders, and all below them, for results of `localize` and `evaluate`.

    Raises:
        InputError: no such folder, or a record that cannot be read.
    """
    records: dict[str, tuple[Path, ...]] = {}
    runs = []
    places: dict[Path, Mapping[int, str]] = {}
    for folder in folders:
        if not folder.is_dir():
            raise InputError(f"{folder}: no such folder of results; give one that localize or evaluate wrote")
        for settings in sorted(folder.rglob(SETTINGS_FILE)):
            if command_of(settings.parent) == "localize":
                _add_records(records, settings.parent)
                places |= _places(settings.parent)
        measured = (read_measured(path) for path in sorted(folder.rglob("result.json")))
        runs += [one for one in measured if one is not None]
    return Earlier(records, tuple(runs), places)


def _add_records(records: dict[str, tuple[Path, ...]], folder: Path) -> None:
    for path in sorted(folder.glob("*.json")):
        if path.name != SETTINGS_FILE:
            record = read_record(path)
            with _whole(path):
                sha256 = str(record["file"]["sha256"])
            records[sha256] = (*records.get(sha256, ()), path)


def _places(folder: Path) -> dict[Path, Mapping[int, str]]:
    """The suspicious places in artefacts.csv; none where the run has not written it yet."""
    path = folder / ARTEFACTS_FILE
    found: dict[Path, dict[int, str]] = {}
    if not path.is_file():
        return {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                eyes = f"{int(row['eyes'])} of {int(row['of'])}"
                found.setdefault(folder / f"{row['result']}.json", {})[int(row["lesion"])] = eyes
    except (OSError, KeyError, TypeError, ValueError, csv.Error) as error:
        raise InputError(f"{path}: a damaged table ({type(error).__name__}: {error}); localize again") from error
    return {**found}


@contextmanager
def _whole(path: Path) -> Iterator[None]:
    """Raise an InputError where a record lacks a value, or holds one of another type."""
    try:
        yield
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: a damaged record ({type(error).__name__}: {error}); localize again") from error


def _same(record: Mapping[str, Any], run: Mapping[str, Any]) -> bool:
    wanted = json.loads(json.dumps(run["method"]))
    return bool(record["model"]["sha256"] == run["model"]["sha256"] and record["method"] == wanted)
