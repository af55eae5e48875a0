"""From the options of a command line to a frozen dataclass of settings: what was given, where it applies.

Every option may be given several times; a field whose default is a tuple takes them all, any other takes one. A field
that holds settings of its own is no option.
"""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any, TypeVar

from retina_xai.errors import UsageError

Configured = TypeVar("Configured")
OPTIONS = {"classes": "--class", "defended": "--undefended"}
"""Fields whose option has another name than theirs."""


def configured(kind: type[Configured], what: str, given: Mapping[str, Sequence[Any] | None]) -> Configured:
    """The dataclass `kind` with the fields that were given, the others at their defaults.

    Args:
        what: what it is, for the message.
        given: values by field name; none for what was not given.

    Raises:
        UsageError: a field that `kind` does not have, several values for one, or values that it refuses.
    """
    known: dict[str, Field[Any]] = {
        field.name: field
        for field in fields(kind)  # type: ignore[arg-type]
        if not is_dataclass(field.default)
    }
    wanted = {name: values for name, values in given.items() if values}
    odd = [option_of(name) for name in wanted if name not in known]
    if odd:
        takes = ", ".join(option_of(name) for name in given if name in known) or "none of these"
        raise UsageError(f"{what} takes no {' and no '.join(odd)}: leave it out (it takes {takes})")
    return kind(**{name: _value(known[name], values) for name, values in wanted.items()})


def option_of(field: str) -> str:
    """The option that sets a field."""
    return OPTIONS.get(field, "--" + field.replace("_", "-"))


def _value(field: "Field[Any]", values: Sequence[Any]) -> Any:
    if field.default is not MISSING and isinstance(field.default, tuple):
        return tuple(values)
    if len(values) > 1:
        raise UsageError(f"{option_of(field.name)} was given {len(values)} times: give it once")
    return values[0]
