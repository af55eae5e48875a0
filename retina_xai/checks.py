"""Checks of single values from users, browsers and files. Each raises an `InputError` with a message of one line."""

import math
from collections.abc import Iterable

from retina_xai.errors import InputError

MAX_COORDINATE = 1_000_000
"""Pixels; far outside of every picture. Areas of larger shapes would overflow."""


def check_text(what: str, text: str, max_length: int, *, required: bool = False) -> None:
    """Refuse a text that is too long, is not valid Unicode, or is `required` but empty."""
    if not isinstance(text, str):
        raise InputError(f"{what} of type {type(text).__name__}: expected a text")
    if required and not text.strip():
        raise InputError(f"{what} is empty: enter one")
    if len(text) > max_length:
        raise InputError(f"{what} of {len(text)} characters: expected at most {max_length}; shorten it")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InputError(
            f"{what} with an invalid character at {error.start + 1}: expected Unicode; enter it again"
        ) from error


def check_one_of(what: str, value: str, choices: tuple[str, ...]) -> None:
    """Refuse a value that is not among the choices."""
    if value not in choices:
        raise InputError(f"{what} {value!r}: expected one of {', '.join(choices)}")


def check_share(what: str, value: float) -> None:
    """Refuse a value that is not a number in [0, 1]."""
    if not is_number(value) or not 0 <= value <= 1:
        raise InputError(f"{what} {value!r}: expected a number from 0 to 1")


def check_numbers(what: str, values: Iterable[float]) -> None:
    """Refuse values that are not finite numbers, or are farther from 0 than `MAX_COORDINATE`."""
    for value in values:
        if not is_number(value) or not -math.inf < value < math.inf:
            raise InputError(f"{what} with a coordinate that is not a finite number: draw it again")
        if abs(value) > MAX_COORDINATE:
            raise InputError(f"{what} with a coordinate beyond {MAX_COORDINATE} pixels: draw it again")


def check_finite(what: str, value: float) -> None:
    """Refuse a value that is not a finite number."""
    if not is_number(value) or not math.isfinite(value):
        raise InputError(f"{what} {value!r}: expected a finite number")


def is_number(value: object) -> bool:
    """Whether a value is an int or a float; True and False are not numbers."""
    return isinstance(value, int | float) and not isinstance(value, bool)
