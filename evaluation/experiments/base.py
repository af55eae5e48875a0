"""What all experiments on photographs share: the choice of photographs, records that resume, and what is written.

An experiment measures cases (photographs, mostly) one by one and then sums their records up. Each record is written as
soon as it exists, whole or not at all, under OUT/records/, in a name that holds a hash of the case and of all
settings: an interrupted run goes on where it stopped and ends with the same result.json, byte for byte, because
every random number of a case follows from the seed and the case alone. OUT/settings.json says what the folder was
made with; other settings are refused, and so are other cases: a larger limit only adds some, and goes on with what is
there. A photograph that cannot be read is left out, named, and tried again by the next run. OUT holds at the end:

    result.json     settings, versions, cases, `figures` (a flat dict of numbers) and what was measured of each case
    table.md        the figures beside the published ones, with a caption that says what they are
    *.png           pictures of the whole; pictures/ holds those of the first photographs
"""

import hashlib
import json
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from retina_xai.errors import InputError, UsageError
from retina_xai.evaluation.lesions.report import versions
from retina_xai.evaluation.tables import markdown
from retina_xai.io.files import sha256_of, write_json, write_text
from retina_xai.io.folders import claim
from retina_xai.io.images import Photograph, find_images, read_image, write_png
from retina_xai.models.network import Network

SCHEMA_VERSION = 1
DETAIL = "detail"
"""Key of a record under which long lists lie that result.json leaves out."""

LONGEST_NAME = 100
Pixels = np.ndarray


@dataclass(frozen=True)
class Case:
    """One unit of an experiment: its name, a text that identifies it, its place in the order, and its file if any."""

    name: str
    identity: str
    number: int
    path: Path | None = None

    def photograph(self) -> Photograph:
        """Read the file; raises InputError where it cannot be read."""
        if self.path is None:
            raise InputError(f"{self.name}: is no photograph")
        return read_image(self.path)

    @property
    def seed(self) -> int:
        """A seed of its own, from its identity alone."""
        return int(hashlib.sha256(self.identity.encode()).hexdigest()[:8], 16)


@dataclass(frozen=True)
class Subject:
    """What an experiment is run on: networks, all photographs at hand, how many of them, and the seed of the choice.

    Raises:
        UsageError: no network or two of one name, a limit below 1, or a negative seed.
    """

    networks: tuple[Network, ...]
    images: tuple[Path, ...] = ()
    limit: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.networks or (self.limit is not None and self.limit < 1):
            raise UsageError(f"{len(self.networks)} networks, limit {self.limit}: give at least one of each")
        if self.seed < 0:
            raise UsageError(f"seed {self.seed}: give 0 or more")
        names = [network.name for network in self.networks]
        if len(set(names)) < len(names):
            raise UsageError(f"two networks of one name ({', '.join(names)}): give each once")

    @property
    def network(self) -> Network:
        """The only network.

        Raises:
            UsageError: there are several.
        """
        if len(self.networks) != 1:
            raise UsageError(f"{len(self.networks)} networks: this experiment takes one --model")
        return self.networks[0]

    def chosen(self, count: int) -> list[int]:
        """Which of `count` units are taken: `limit`, drawn by the seed, in order; a larger limit adds to them."""
        drawn = np.random.default_rng(self.seed).permutation(count)[: self.limit]
        return sorted(map(int, drawn))

    def photographs(self) -> list[Case]:
        """The chosen photographs.

        Raises:
            InputError: there are none.
        """
        if not self.images:
            raise InputError("no photographs: give a folder that holds some with --images")
        chosen = [self.images[index] for index in self.chosen(len(self.images))]
        return [Case(path.stem, _content(path), number, path) for number, path in enumerate(chosen)]


@dataclass(frozen=True)
class Measured:
    """What one case gave: plain values for its record, and pictures (H, W, 3) uint8 by the ending of their name."""

    record: Mapping[str, Any]
    pictures: Mapping[str, Pixels] = field(default_factory=dict)


@dataclass(frozen=True)
class Summary:
    """What an experiment found: figures, the table that people read with its caption, pictures by file name."""

    figures: Mapping[str, float]
    table: pd.DataFrame
    caption: str
    pictures: Mapping[str, Pixels] = field(default_factory=dict)


@dataclass(frozen=True)
class Experiment(ABC):
    """An experiment: its fields are its settings. `name` is the command's word for it, `title` the table's head.

    `several_networks` says whether it compares some; all others take one.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    several_networks: ClassVar[bool] = False

    def settings(self) -> dict[str, Any]:
        """What the figures depend on, as plain values."""
        return asdict(self)

    def cases(self, subject: Subject) -> Sequence[Case]:
        """What is measured, one after the other; the chosen photographs by default."""
        return subject.photographs()

    @abstractmethod
    def measure(self, subject: Subject, case: Case) -> Measured:
        """Measure one case."""

    @abstractmethod
    def summarise(self, subject: Subject, records: Sequence[Mapping[str, Any]]) -> Summary:
        """Sum the records of all cases up."""


OnCase = Callable[[Case, str], None]
"""Called after each case with what became of it, in one line."""


@dataclass(frozen=True)
class Outcome:
    """The summary, the seconds that each case took which was measured now, and what could not be measured, and why."""

    summary: Summary
    seconds: tuple[float, ...]
    failed: tuple[tuple[Case, InputError], ...] = ()


def images_below(folder: Path | None) -> tuple[Path, ...]:
    """The photographs of a folder, sorted; none where no folder is given.

    Raises:
        InputError: there is no such folder, or no image in it.
    """
    return () if folder is None else tuple(find_images([folder]))


def run(experiment: Experiment, subject: Subject, out: Path, on_case: OnCase = lambda case, text: None) -> Outcome:
    """Measure all cases into OUT, going on with what it holds already, and write what was found.

    Raises:
        InputError: no photographs, or none that can be read.
        UsageError: OUT was made with other settings or of other cases, or settings that do not fit the networks.
    """
    if not experiment.several_networks:
        _ = subject.network
    cases = experiment.cases(subject)
    facts = _facts(experiment, subject)
    claim(out, facts)
    places = _places(cases, out, json.dumps(facts, sort_keys=True))
    _refuse_other_cases(out, [place.record for place in places])
    measured: list[tuple[Case, dict[str, Any]]] = []
    seconds, failed = [], []
    for case, place in zip(cases, places, strict=True):
        begin = time.perf_counter()
        if (record := _read(place.record)) is not None:
            measured.append((case, record))
            on_case(case, "done before")
            continue
        try:
            found = experiment.measure(subject, case)
        except InputError as error:
            failed.append((case, error))
            on_case(case, f"failed: {error}")
            continue
        measured.append((case, _kept(found, place)))
        seconds.append(time.perf_counter() - begin)
        on_case(case, f"{seconds[-1]:.1f} s")
    if not measured:
        raise failed[0][1]
    summary = experiment.summarise(subject, [record for _, record in measured])
    listed = {"limit": subject.limit, "failed": [case.name for case, _ in failed]}
    _write(experiment, summary, out, facts | listed, measured)
    return Outcome(summary, tuple(seconds), tuple(failed))


@dataclass(frozen=True)
class _Place:
    """Where a case's record lies, and the beginning of its pictures' names."""

    record: Path
    pictures: str


def _places(cases: Sequence[Case], out: Path, key: str) -> list[_Place]:
    """Of each case; the pictures of cases of one name are told apart by the hash in their records' names."""
    often = Counter(_cut(case.name) for case in cases)
    names = [_cut(case.name) for case in cases]
    stems = [f"{name}-{_hash([case.identity, key])}" for name, case in zip(names, cases, strict=True)]
    return [
        _Place(out / "records" / f"{stem}.json", str(out / "pictures" / (name if often[name] == 1 else stem)))
        for name, stem in zip(names, stems, strict=True)
    ]


def _refuse_other_cases(out: Path, files: Sequence[Path]) -> None:
    others = set((out / "records").glob("*.json")) - set(files)
    if others:
        raise UsageError(
            f"{out}: holds records of cases that are not among these {len(files)}; choose another output folder "
            "(a run goes on with the same photographs and at least the former --limit)"
        )


def _kept(measured: Measured, place: _Place) -> dict[str, Any]:
    """The case's record as its file holds it, once it and its pictures are written; a full disk ends the run here."""
    for ending, pixels in measured.pictures.items():
        write_png(Path(f"{place.pictures}_{ending}.png"), pixels)
    write_json(place.record, measured.record)
    return _read(place.record) or {}


def _write(
    experiment: Experiment,
    summary: Summary,
    out: Path,
    facts: Mapping[str, Any],
    measured: Sequence[tuple[Case, Mapping[str, Any]]],
) -> None:
    for name, pixels in summary.pictures.items():
        write_png(out / f"{name}.png", pixels)
    write_text(out / "table.md", f"# {experiment.title}\n\n{markdown(summary.table)}\n\n{summary.caption}\n")
    cases = [
        {"name": case.name, "identity": case.identity} | {key: value for key, value in record.items() if key != DETAIL}
        for case, record in measured
    ]
    result = {"schema_version": SCHEMA_VERSION, **facts, "figures": dict(summary.figures), "cases": cases}
    write_json(out / "result.json", result)


def _facts(experiment: Experiment, subject: Subject) -> dict[str, Any]:
    """What the record of a case depends on."""
    return {
        "experiment": experiment.name,
        "settings": experiment.settings(),
        "networks": [network.facts() for network in subject.networks],
        "device": subject.networks[0].device.type,
        "seed": subject.seed,
        "versions": versions(),
    }


def _read(path: Path) -> dict[str, Any] | None:
    """What a record holds; None where there is none or it is damaged (it is then measured anew)."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None


def _content(path: Path) -> str:
    try:
        return sha256_of(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error


def _hash(parts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _cut(name: str) -> str:
    """The name, short enough to be extended."""
    return name.encode()[:LONGEST_NAME].decode(errors="ignore")
