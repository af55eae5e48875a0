"""Photographs by the dozen: each is localized or scored on its own, failures are listed, finished work is kept.

An interrupted batch goes on where it stopped when it is started again; other settings, weights or methods are
refused.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
from torch import OutOfMemoryError

from retina_xai.errors import BatchError, InputError, RetinaXaiError
from retina_xai.io.files import sha256_of, write_csv
from retina_xai.io.folders import SETTINGS_FILE, claim
from retina_xai.io.images import read_image
from retina_xai.localization import DEFAULT_METHOD, localize, method_named, predict
from retina_xai.models.checkpoint import RdrClassifier
from retina_xai.records import read_record, run_facts, write_record

LESION_COLUMNS = ("file", "result", "lesion", "x", "y", "area", "score", "x0", "y0", "x1", "y1")
RESULT_ENDINGS = ("_evidence", "_overlay", "_heatmap", "_mask", "_complement", "_explanation", "_panel")
LONGEST_STEM = 255 - max(len(f"{ending}.png") for ending in RESULT_ENDINGS)
"""In bytes: no common file system takes names of more than 255."""

OnDone = Callable[[Path, str], None]
"""Called after each photograph with its path and what became of it, in one line."""


@dataclass
class Failures:
    """The photographs that could not be done, each with its one-line reason."""

    errors: list[tuple[Path, RetinaXaiError]] = field(default_factory=list)

    @contextmanager
    def collected(self, path: Path, on_done: OnDone) -> Iterator[None]:
        """Keep an error of this photograph and go on."""
        try:
            yield
        except RetinaXaiError as error:
            self._add(path, error, on_done)
        except (MemoryError, OutOfMemoryError):
            self._add(path, InputError(f"{path}: not enough memory for it; close other programs or scale it"), on_done)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            self._add(path, InputError(f"{path}: cannot be read or written ({reason}); check the disk"), on_done)

    def _add(self, path: Path, error: RetinaXaiError, on_done: OnDone) -> None:
        self.errors.append((path, error))
        on_done(path, f"failed: {error}")

    def close(self, total: int) -> None:
        """Raise what went wrong, if anything did: the error itself where it was the only photograph.

        Raises:
            BatchError: some of several photographs failed.
        """
        if not self.errors:
            return
        if total == 1:
            raise self.errors[0][1]
        names = ", ".join(path.name for path, _ in self.errors[:5]) + (" ..." if len(self.errors) > 5 else "")
        raise BatchError(f"{len(self.errors)} of {total} photographs failed ({names}); the others are done")


@dataclass(frozen=True)
class LocalizeRun:
    """Settings of a localization batch."""

    classifier: RdrClassifier
    out: Path
    method: str = DEFAULT_METHOD
    ungradable: bool = False


def localize_batch(paths: Sequence[Path], run: LocalizeRun, on_done: OnDone) -> None:
    """Localize all photographs into RUN.OUT, then gather lesions.csv over all that are done.

    Raises:
        BatchError, InputError: some photographs failed; all others are done.
        UsageError: unknown method, or the folder was made with other settings.
    """
    explainer = method_named(run.method)
    facts = run_facts(run.classifier, run.method, explainer.settings())
    claim(run.out, {**facts, "ungradable": run.ungradable})
    failures = Failures()
    for path, stem in stems_of(paths).items():
        with failures.collected(path, on_done):
            if is_done(run.out / f"{stem}.json", path):
                on_done(path, "done before")
                continue
            result = localize(read_image(path), run.classifier, explainer, ungradable=run.ungradable)
            write_record(run.out, stem, result, facts)
            on_done(path, f"{result.verdict.decision} ({result.verdict.score:.3f}), {len(result.lesions)} candidates")
    write_csv(run.out / "lesions.csv", _lesion_table(run.out))
    failures.close(len(paths))


def without_results(paths: Sequence[Path], out: Path) -> list[Path]:
    """`paths` without the pictures that an earlier run left in OUT, where OUT lies among the photographs."""
    if not (out / SETTINGS_FILE).exists():
        return list(paths)
    home = out.resolve()
    return [path for path in paths if not (path.stem.endswith(RESULT_ENDINGS) and path.parent.resolve() == home)]


def predict_batch(paths: Sequence[Path], classifier: RdrClassifier, out: Path, on_done: OnDone) -> None:
    """Score all photographs into one CSV with columns path, rdr_score, gradability, reason.

    Raises:
        BatchError, InputError: some photographs failed; the table holds all others.
    """
    failures, rows = Failures(), []
    for path in paths:
        with failures.collected(path, on_done):
            verdict = predict(read_image(path), classifier)
            quality = verdict.gradability
            rows.append((str(path), verdict.score, quality.verdict, quality.reason))
            on_done(path, f"{verdict.decision} ({verdict.score:.3f})")
    write_csv(out, pd.DataFrame(rows, columns=["path", "rdr_score", "gradability", "reason"]))
    failures.close(len(paths))


def stems_of(paths: Sequence[Path]) -> dict[Path, str]:
    """The stem of each photograph's results: its own, where that is one photograph's and fit for a file name.

    Where two share one, where it is that of the settings file, or where it is too long to be extended, it is
    (cut and) followed by a piece of the content's hash.
    """
    counts = Counter(path.stem for path in paths)
    return {path: path.stem if counts[path.stem] == 1 and _fits(path.stem) else _marked(path) for path in paths}


def is_done(record: Path, path: Path, command: str = "localize") -> bool:
    """Whether `command` has a result of this very photograph.

    Raises:
        InputError: the record is of another photograph, or no record.
    """
    if not record.exists():
        return False
    if read_record(record, command)["file"]["sha256"] != _digest(path):
        raise InputError(f"{path}: {record} is the result of another photograph; choose another output folder")
    return True


def _fits(stem: str) -> bool:
    return f"{stem}.json" != SETTINGS_FILE and len(os.fsencode(stem)) <= LONGEST_STEM


def _marked(path: Path) -> str:
    mark = f"-{_digest(path)[:8]}"
    return os.fsencode(path.stem)[: LONGEST_STEM - len(mark)].decode(errors="ignore") + mark


def _digest(path: Path) -> str:
    """SHA-256 of the content; empty where it cannot be read, which reading it will report."""
    try:
        return sha256_of(path)
    except OSError:
        return ""


def _lesion_table(out: Path) -> pd.DataFrame:
    rows = []
    for path in sorted(out.glob("*.json")):
        if path.name == SETTINGS_FILE:
            continue
        record = read_record(path)
        for number, lesion in enumerate(record["lesions"], start=1):
            place = [lesion[key] for key in ("x", "y", "area", "score")]
            rows.append((record["file"]["name"], path.stem, number, *place, *lesion["box"]))
    return pd.DataFrame(rows, columns=list(LESION_COLUMNS))
