"""Score many photographs into one table, without explaining them; an interrupted run continues where it stopped.

While it runs, each score is kept in the folder <table>.parts beside the table. The folder is removed when the table
holds all photographs.
"""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from retina_xai.app.batch.photographs import OnDone, reporter
from retina_xai.io.files import sha256_of, write_csv, write_json
from retina_xai.io.images import Photograph, read_image
from retina_xai.localization import predict
from retina_xai.models.checkpoint import RdrClassifier
from retina_xai.records import model_facts, versions
from retina_xai.runner import Codec, WorkItem, claim, key_of, run
from retina_xai.verdict import Verdict

COLUMNS = ("path", "rdr_score", "gradability", "reason")


def predict_batch(paths: Sequence[Path], classifier: RdrClassifier, out: Path, on_done: OnDone) -> None:
    """Score all photographs into one CSV with columns path, rdr_score, gradability, reason.

    Raises:
        BatchError, InputError: some photographs failed; the table holds all others.
        OutputError: the table cannot be written.
        UsageError: an interrupted run used other weights.
    """
    parts = out.with_name(f"{out.name}.parts")
    claim(parts, {"model": model_facts(classifier), "versions": versions()})
    items = [WorkItem(path.name, path, parts / f"{key_of([str(path)])}.json") for path in paths]

    def work(path: Path) -> tuple[Photograph, Verdict]:
        photograph = read_image(path)
        return photograph, predict(photograph, classifier)

    outcome = run(items, work, Codec(_load, _save, _is_own), reporter(on_done, _line))
    rows = [(str(item.source), *(row[name] for name in COLUMNS[1:])) for item, row in outcome.results]
    write_csv(out, pd.DataFrame(rows, columns=list(COLUMNS)))
    outcome.raise_failures()
    shutil.rmtree(parts, ignore_errors=True)


def _save(record: Path, made: tuple[Photograph, Verdict]) -> None:
    photograph, verdict = made
    quality = verdict.gradability
    row = {"rdr_score": verdict.score, "gradability": quality.verdict, "reason": quality.reason}
    write_json(record, {"sha256": photograph.sha256, "decision": verdict.decision, **row})


def _load(record: Path) -> dict[str, Any] | None:
    try:
        row = json.loads(record.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return row if isinstance(row, dict) and {"sha256", "decision", *COLUMNS[1:]} <= row.keys() else None


def _is_own(item: WorkItem[Path], row: dict[str, Any]) -> bool:
    return bool(row["sha256"] == sha256_of(item.source))


def _line(row: dict[str, Any], _: float) -> str:
    return f"{row['decision']} ({row['rdr_score']:.3f})"
