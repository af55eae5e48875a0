"""What all experiments share: the choice of photographs, the run with its records, and what is written.

An experiment measures cases (mostly photographs) one by one and then summarises their records. Each record lies under
OUT/records/ in a file whose name holds a hash of the case and of all settings. An interrupted run continues where it
stopped (see `runner`) and writes the same result.json, byte for byte, because every random number of a case follows
from the seed and the case alone. A folder that was made with other settings or of other cases is refused; a larger
limit only adds cases. A case that fails is left out, named, and tried again by the next run. OUT holds at the end:

    result.json     settings, versions, cases, `figures` (a flat dict of numbers) and what was measured of each case
    table.md        the figures beside the published ones, with a caption that explains them
    *.csv           what was measured, one row each, where an experiment lists it
    *.png           pictures of all cases together; pictures/ holds those of the first cases
"""

import hashlib
import json
import os
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from retina_xai.errors import InputError, UsageError
from retina_xai.evaluation.tables import markdown
from retina_xai.io.files import parse_json, sha256_of, write_bytes, write_json, write_text
from retina_xai.io.images import Photograph, find_images, read_image, write_png
from retina_xai.io.names import shown_name
from retina_xai.io.stores import each, files_in
from retina_xai.io.versions import versions
from retina_xai.models.network import Network
from retina_xai.runner import Codec, Executor, ItemOutcome, RunOutcome, WorkItem, claim, in_turn, key_of, run

SCHEMA_VERSION = 1
DETAIL = "detail"
"""Key of a record under which long lists lie that result.json leaves out."""

LONGEST_NAME = 100
Pixels = np.ndarray


@dataclass(frozen=True)
class ExperimentCase:
    """One unit of an experiment: its name, a text that identifies it, its place in the order, and its file if any.

    The identity of a photograph is the SHA-256 of its file.
    """

    name: str
    identity: str
    number: int
    path: Path | None = None

    def photograph(self) -> Photograph:
        """Read the file; raises InputError where it cannot be read."""
        if self.path is None:
            raise InputError(f"{self.name}: is no photograph")
        return read_image(self.path, sha256=self.identity)

    @property
    def seed(self) -> int:
        """A seed of its own, from its identity alone."""
        return int(hashlib.sha256(self.identity.encode()).hexdigest()[:8], 16)


@dataclass(frozen=True)
class Subject:
    """What an experiment is run on: networks, all photographs, how many of them, and the seed of the choice.

    Raises:
        UsageError: two networks of one name, a limit below 1, or a negative seed.
    """

    networks: tuple[Network, ...]
    images: tuple[Path, ...] = ()
    limit: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.limit is not None and self.limit < 1:
            raise UsageError(f"limit {self.limit}: give at least 1")
        if self.seed < 0:
            raise UsageError(f"seed {self.seed}: give 0 or more")
        names = [network.name for network in self.networks]
        if len(set(names)) < len(names):
            raise UsageError(f"two networks of one name ({', '.join(names)}): give each once")

    @property
    def network(self) -> Network:
        """The only network.

        Raises:
            UsageError: there is none, or there are several.
        """
        if len(self.networks) != 1:
            raise UsageError(f"{len(self.networks)} networks: this experiment takes one --model")
        return self.networks[0]

    def chosen(self, count: int) -> list[int]:
        """Which of `count` units are taken: `limit`, drawn by the seed, in order; a larger limit adds to them."""
        drawn = np.random.default_rng(self.seed).permutation(count)[: self.limit]
        return sorted(map(int, drawn))

    def photographs(self) -> list[ExperimentCase]:
        """The chosen photographs.

        Raises:
            InputError: there are none.
        """
        if not self.images:
            raise InputError("no photographs: give a folder that holds some with --images")
        chosen = [self.images[index] for index in self.chosen(len(self.images))]
        contents = zip(chosen, each(_content, chosen), strict=True)
        return [
            ExperimentCase(shown_name(path.stem), content, number, path)
            for number, (path, content) in enumerate(contents)
        ]


@dataclass(frozen=True)
class Measurement:
    """The result of one case: plain values for its record, and pictures (H, W, 3) uint8 by the ending of their name."""

    record: Mapping[str, Any]
    pictures: Mapping[str, Pixels] = field(default_factory=dict)


@dataclass(frozen=True)
class Findings:
    """The result of an experiment: figures, a table of texts with its caption, pictures by file name.

    frames: further tables by file name; they are written as CSV, without their index. documents: further files by name
    with ending.
    """

    figures: Mapping[str, float]
    table: pd.DataFrame
    caption: str
    pictures: Mapping[str, Pixels] = field(default_factory=dict)
    frames: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    documents: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Experiment(ABC):
    """An experiment: its fields are its settings. `name` is its key in the registry, `title` the table's head.

    `several_networks`: whether it compares networks; the others take one. `own_network`: whether it trains a network of
    its own and takes none.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    several_networks: ClassVar[bool] = False
    own_network: ClassVar[bool] = False

    def settings(self) -> dict[str, Any]:
        """What the figures depend on, as plain values."""
        return asdict(self)

    def cases(self, subject: Subject) -> Sequence[ExperimentCase]:
        """What is measured, in order; the chosen photographs by default."""
        return subject.photographs()

    @abstractmethod
    def measure(self, subject: Subject, case: ExperimentCase) -> Measurement:
        """Measure one case."""

    @abstractmethod
    def summarise(self, subject: Subject, records: Sequence[Mapping[str, Any]]) -> Findings:
        """Summarise the records of all cases."""


OnCase = Callable[[ItemOutcome[ExperimentCase, dict[str, Any]]], None]


@dataclass(frozen=True)
class ExperimentOutcome:
    """The findings, and what became of each case."""

    findings: Findings
    cases: RunOutcome[ExperimentCase, dict[str, Any]]


def images_below(folder: Path | None) -> tuple[Path, ...]:
    """The photographs of a folder, sorted; none where no folder is given.

    Raises:
        InputError: there is no such folder, or no image in it.
    """
    return () if folder is None else tuple(find_images([folder]))


def run_experiment(
    experiment: Experiment,
    subject: Subject,
    out: Path,
    on_case: OnCase = lambda outcome: None,
    cases: Sequence[ExperimentCase] | None = None,
    executor: Executor = in_turn,
) -> ExperimentOutcome:
    """Measure all cases into OUT, continuing with what it holds already, and write the findings.

    Args:
        on_case: called after each case.
        cases: `experiment.cases(subject)`, where the caller has them already.
        executor: where the cases are measured.

    Raises:
        InputError: no photographs, or none that can be read.
        OutputError: OUT cannot be written.
        UsageError: OUT was made with other settings or of other cases, or settings that do not fit the networks.
    """
    _check_networks(experiment, subject)
    cases = experiment.cases(subject) if cases is None else cases
    facts = _facts(experiment, subject)
    items = _items(cases, out, json.dumps(facts, sort_keys=True))
    with claim(out, facts):
        _refuse_other_cases(out, [item.record for item in items])
        outcome = run(items, partial(experiment.measure, subject), Codec(_load, _saver(items, out)), on_case, executor)
        if not outcome.results:
            raise outcome.failures[0][1]
        findings = experiment.summarise(subject, [record for _, record in outcome.results])
        listed = {"limit": subject.limit, "failed": [item.name for item, _ in outcome.failures]}
        measured = [(item.source, record) for item, record in outcome.results]
        _write(experiment, findings, out, facts | listed, measured)
    return ExperimentOutcome(findings, outcome)


def _check_networks(experiment: Experiment, subject: Subject) -> None:
    if experiment.own_network:
        if subject.networks:
            raise UsageError(f"experiment {experiment.name} trains its own network: leave out --model")
    elif not subject.networks:
        raise UsageError(f"experiment {experiment.name} needs a network: give --model")
    elif not experiment.several_networks:
        _ = subject.network


def _items(cases: Sequence[ExperimentCase], out: Path, key: str) -> list[WorkItem[ExperimentCase]]:
    return [
        WorkItem(case.name, case, out / "records" / f"{_cut(case.name)}-{key_of([case.identity, key])}.json")
        for case in cases
    ]


def _saver(items: Sequence[WorkItem[ExperimentCase]], out: Path) -> Callable[[Path, Measurement], None]:
    """A function that writes a case's pictures and then its record.

    Pictures are named after their case; those of cases of one name after their records.
    """
    often = Counter(_cut(item.name) for item in items)
    stems = {item.record: name if often[name := _cut(item.name)] == 1 else item.record.stem for item in items}

    def save(record: Path, measured: Measurement) -> None:
        for ending, pixels in measured.pictures.items():
            write_png(out / "pictures" / f"{stems[record]}_{ending}.png", pixels)
        write_json(record, measured.record)

    return save


def _refuse_other_cases(out: Path, files: Sequence[Path]) -> None:
    others = set(files_in(out / "records", "*.json")) - set(files)
    if others:
        raise UsageError(
            f"{out}: holds records of cases that are not among these {len(files)}; choose another output folder "
            "(a run goes on with the same photographs and at least the former --limit)"
        )


def _write(
    experiment: Experiment,
    findings: Findings,
    out: Path,
    facts: Mapping[str, Any],
    measured: Sequence[tuple[ExperimentCase, Mapping[str, Any]]],
) -> None:
    for name, pixels in findings.pictures.items():
        write_png(out / f"{name}.png", pixels)
    for name, content in findings.documents.items():
        write_bytes(out / name, content)
    for name, frame in findings.frames.items():
        write_text(out / f"{name}.csv", frame.to_csv(index=False, lineterminator="\n"))
    write_text(out / "table.md", f"# {experiment.title}\n\n{markdown(findings.table)}\n\n{findings.caption}\n")
    cases = [
        {"name": case.name, "identity": case.identity} | {key: value for key, value in record.items() if key != DETAIL}
        for case, record in measured
    ]
    result = {"schema_version": SCHEMA_VERSION, **facts, "figures": dict(findings.figures), "cases": cases}
    write_json(out / "result.json", result)


def _facts(experiment: Experiment, subject: Subject) -> dict[str, Any]:
    """What the record of a case depends on."""
    return {
        "experiment": experiment.name,
        "settings": experiment.settings(),
        "networks": [network.facts() for network in subject.networks],
        "device": subject.networks[0].device.type if subject.networks else "cpu",
        "seed": subject.seed,
        "versions": versions(),
    }


def _load(path: Path) -> dict[str, Any] | None:
    """The content of a record; None where there is none or it is damaged."""
    try:
        record = parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) and record else None


def _content(path: Path) -> str:
    """SHA-256 of the content; where it cannot be read, which reading it will report, a text that stands for it."""
    try:
        return sha256_of(path)
    except OSError:
        return f"unreadable {path.name}"


def _cut(name: str) -> str:
    """The name, short enough to be extended."""
    return os.fsencode(name)[:LONGEST_NAME].decode(errors="ignore")
