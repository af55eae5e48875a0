"""manifest.parquet: one row per photograph of a batch, what became of it and where its results are.

key       16 digits: content, weights and settings; the same for the same work in any folder
file      name of the photograph
status    done or failed
decision, score, candidates
seconds   of its computation; empty where that was in a run that was killed
sha256    of the photograph; empty where it failed
result    name of the record in the folder
error     why it failed
"""

import json
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.json
import pyarrow.parquet

from retina_xai.io.files import replacing
from retina_xai.runner import ItemOutcome, Kept, RunOutcome, key_of

MANIFEST_FILE = "manifest.parquet"
SCHEMA = pa.schema(
    [
        ("key", pa.string()),
        ("file", pa.string()),
        ("status", pa.string()),
        ("decision", pa.string()),
        ("score", pa.float64()),
        ("candidates", pa.int64()),
        ("seconds", pa.float64()),
        ("sha256", pa.string()),
        ("result", pa.string()),
        ("error", pa.string()),
    ]
)


def write_manifest(
    path: Path,
    outcome: RunOutcome[Path, Kept],
    settings: Mapping[str, Any],
    values: Callable[[Kept], Mapping[str, Any]],
) -> None:
    """Write the table (atomic), in the order of the photographs.

    Args:
        settings: of the run, as they are compared by `runner.claim`.
        values: `sha256` and the other columns that a result gives.

    Raises:
        OutputError: it cannot be written.
    """
    text = json.dumps(settings, sort_keys=True)
    rows = [_row(one, text, values) for one in outcome.items]
    former = _former_seconds(path)
    for row in rows:
        if row.get("seconds") is None:
            row["seconds"] = former.get(row.get("key"))
    with replacing(path) as partial:
        pyarrow.parquet.write_table(_table(rows), partial, compression="zstd")


def _row(one: ItemOutcome[Path, Kept], settings: str, values: Callable[[Kept], Mapping[str, Any]]) -> dict[str, Any]:
    name = _text(one.item.name)
    if one.result is None:
        return {"file": name, "status": "failed", "error": _text(str(one.error))}
    found = values(one.result)
    key, result = key_of([found["sha256"], settings]), _text(one.item.record.name)
    return {"key": key, "file": name, "status": "done", "seconds": one.seconds, "result": result, **found}


def _table(rows: list[dict[str, Any]]) -> pa.Table:
    """The rows as a table, by way of JSON: other ways of pyarrow import pandas, which takes long."""
    if not rows:
        return SCHEMA.empty_table()
    lines = "\n".join(map(json.dumps, rows)).encode()
    options = pyarrow.json.ParseOptions(explicit_schema=SCHEMA, unexpected_field_behavior="error")
    blocks = pyarrow.json.ReadOptions(block_size=max(len(lines), 1))
    return pyarrow.json.read_json(BytesIO(lines), read_options=blocks, parse_options=options)


def _former_seconds(path: Path) -> dict[Any, float | None]:
    """The durations that the manifest of an earlier run holds, by key; none where there is none or it is damaged."""
    try:
        with path.open("rb") as opened, pyarrow.parquet.ParquetFile(opened) as file:
            table = file.read(columns=["key", "seconds"])
    except (OSError, ValueError):
        return {}
    return dict(zip(table["key"].to_pylist(), table["seconds"].to_pylist(), strict=True))


def _text(text: str) -> str:
    """The text without lone surrogates, which Parquet cannot hold."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
