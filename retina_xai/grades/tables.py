"""Reading of CSV files with a header, row by row, so that messages can name file and line."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from retina_xai.errors import InputError


def rows_of(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """Rows of a CSV with their line numbers. Names and values are stripped; blank lines and unnamed columns skipped.

    A byte-order mark and CRLF are accepted.

    Raises:
        InputError: an unreadable file, missing or repeated columns, a row of another length, or a field of more than
            131,072 characters; the message names file and line.
    """
    lines = _lines(path)
    header = [name.strip() for name in next(lines, (1, []))[1]]
    named = [name for name in header if name]
    if not set(columns) <= set(named) or len(set(named)) < len(named):
        raise InputError(f"{path}: line 1: header {','.join(header)[:80]!r}; expected the columns {','.join(columns)}")
    for line, values in lines:
        if not any(value.strip() for value in values):
            continue
        if len(values) != len(header):
            raise InputError(f"{path}: line {line}: {len(values)} values; expected {len(header)}, correct this row")
        yield line, {name: value.strip() for name, value in zip(header, values, strict=True) if name}


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: cannot read ({error.strerror}); expected a CSV file") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text ({error.reason}); expected a CSV file") from error
    reader = csv.reader(io.StringIO(text, newline=""))
    while True:
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise InputError(f"{path}: line {reader.line_num}: {error}; correct this row") from error
        yield reader.line_num, values
