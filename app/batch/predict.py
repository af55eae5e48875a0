"""Score many photographs into one table, without explaining them; an interrupted run continues where it stopped.

While it runs, each score is kept in the folder <table>.parts beside the table. The folder is removed when the table
holds all photographs.
"""

from collections.abc import Sequence
from dataclasses import astuple
from pathlib import Path

from retina_xai.app.batch.patients import write_patients
from retina_xai.app.batch.photographs import READER, OnDone, PhotographReader, reporter
from retina_xai.errors import UsageError
from retina_xai.io.files import parse_json, remove_stale, sha256_of, write_csv, write_json
from retina_xai.io.stores import each, remove_folder
from retina_xai.io.versions import versions
from retina_xai.localization import predict
from retina_xai.models.checkpoint import RdrClassifier
from retina_xai.records import model_facts
from retina_xai.runner import Codec, Executor, WorkItem, claim, in_turn, key_of, run
from retina_xai.verdict import Verdict

COLUMNS = ("path", "rdr_score", "threshold", "decision", "gradability", "reason", "quality_score")

Judged = tuple[str, Verdict]
"""SHA-256 of a photograph, and the verdict on it."""


def predict_batch(
    paths: Sequence[Path],
    classifier: RdrClassifier,
    out: Path,
    on_done: OnDone,
    reader: PhotographReader = READER,
    executor: Executor = in_turn,
) -> None:
    """Score all photographs into one CSV with the columns `COLUMNS`.

    Raises:
        BatchError, InputError: some photographs failed; the table holds all others.
        OutputError: the table cannot be written.
        UsageError: an interrupted run used other weights, another process writes this table, or it is a folder.
    """
    if out.is_dir():
        raise UsageError(f"{out}: is a folder; give the name of the table, such as {out / 'scores.csv'}")
    parts = out.with_name(f"{out.name}.parts")
    named = zip(paths, each(reader.name, paths), strict=True)
    items = [WorkItem(name, path, parts / f"{key_of([str(path)])}.json") for path, name in named]

    def work(path: Path) -> Judged:
        photograph = reader.read(path)
        return photograph.sha256, predict(photograph, classifier)

    with claim(parts, {"model": model_facts(classifier), "versions": versions(), **reader.facts()}):
        remove_stale(out.parent, depth=0, suffix=out.suffix)
        outcome = run(items, work, Codec(_load, _save, _is_own), reporter(on_done, _line), executor)
        rows = [
            (
                reader.place(item.source),
                verdict.score,
                verdict.threshold,
                verdict.decision,
                *astuple(verdict.gradability),
            )
            for item, (_, verdict) in outcome.results
        ]
        write_csv(out, COLUMNS, rows)
        table, scored = out.with_name(f"{out.stem}_patients.csv"), [item for item, _ in outcome.results]
        write_patients(table, scored, reader, lambda item: reader.place(item.source))
        outcome.raise_failures()
        remove_folder(parts)


def _save(record: Path, scored: Judged) -> None:
    sha256, verdict = scored
    write_json(record, {"sha256": sha256, **verdict.to_json()})


def _load(record: Path) -> Judged | None:
    try:
        values = parse_json(record.read_text(encoding="utf-8"))
        return str(values["sha256"]), Verdict.from_json(values)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _is_own(item: WorkItem[Path], scored: Judged) -> bool:
    return scored[0] == sha256_of(item.source)


def _line(scored: Judged, _: float) -> str:
    verdict = scored[1]
    return f"{verdict.decision} ({verdict.score:.3f})"
