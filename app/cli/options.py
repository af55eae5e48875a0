"""From the options of a command line to a frozen dataclass of settings.

`--set name=value` reaches every field; `--set game.iterations=40` reaches a field of the settings that the field `game`
holds. The value is converted to the field's type: several values are separated by commas, `none` is no value. Some
fields also have an option of their own; it may be given several times where the field takes several values.
"""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass, replace
from types import NoneType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError

from retina_xai.errors import UsageError

Configured = TypeVar("Configured")
OPTIONS = {"classes": "--class", "defended": "--undefended"}
"""Fields whose option has another name than theirs."""

PLAIN = {bool: "true or false", int: "a whole number", float: "a number", str: "text", NoneType: "none"}
"""Types of values and their names in messages."""


@dataclass(frozen=True)
class Given:
    """Settings as they were given.

    options: values by field name; none for an option that was not given. assignments: texts `name=value`.
    """

    options: Mapping[str, Sequence[Any] | None]
    assignments: Sequence[str] = ()


def configured(base: Configured, what: str, given: Given) -> Configured:
    """The dataclass instance `base` with the settings that were given.

    Args:
        what: what it is, for the message.

    Raises:
        UsageError: a field that `base` does not have, several values for one, or values that it refuses.
    """
    changes = _from_options(base, what, given.options)
    for assignment in given.assignments:
        name, equals, text = assignment.partition("=")
        if not equals:
            raise UsageError(f"--set {assignment}: give name=value, such as --set seed=1")
        _assign(base, what, changes, name.strip(), text.strip())
    made: Configured = _changed(base, changes)
    return made


def option_of(field: str) -> str:
    """The option that sets a field."""
    return OPTIONS.get(field, "--" + field.replace("_", "-"))


def setting_names(base: object) -> list[str]:
    """The names that `--set` takes for a dataclass instance."""
    names = []
    for field in _fields(base):
        value = getattr(base, field.name)
        names += [f"{field.name}.{inner}" for inner in setting_names(value)] if is_dataclass(value) else [field.name]
    return names


def _from_options(base: object, what: str, options: Mapping[str, Sequence[Any] | None]) -> dict[str, Any]:
    known = {field.name: field for field in _fields(base) if not is_dataclass(getattr(base, field.name))}
    wanted = {name: values for name, values in options.items() if values}
    odd = [option_of(name) for name in wanted if name not in known]
    if odd:
        takes = ", ".join(option_of(name) for name in options if name in known) or "none of these"
        raise UsageError(f"{what} takes no {' and no '.join(odd)}: leave it out (it takes {takes})")
    return {name: _value(known[name], values) for name, values in wanted.items()}


def _assign(base: object, what: str, changes: dict[str, Any], name: str, text: str) -> None:
    """Add one assignment to the nested `changes`."""
    if name not in setting_names(base):
        offered = ", ".join(setting_names(base)) or "no settings"
        raise UsageError(f"--set {name}={text}: {what} has no setting {name!r}, it has {offered}")
    *outer, last = name.split(".")
    for part in outer:
        base, changes = getattr(base, part), changes.setdefault(part, {})
    if last in changes:
        raise UsageError(f"--set {name}={text}: {name} was given twice, give it once")
    changes[last] = _converted(name, text, get_type_hints(type(base))[last])


def _changed(base: Any, changes: Mapping[str, Any]) -> Any:
    """`base` with nested changes, each level replaced once, so that values which depend on one another fit."""
    flat = {
        name: _changed(getattr(base, name), value) if isinstance(value, dict) else value
        for name, value in changes.items()
    }
    return replace(base, **flat)


def _converted(name: str, text: str, kind: Any) -> Any:
    several = _takes_several(kind)
    value: Any = text
    if text.lower() == "none" and NoneType in get_args(kind):
        return None
    if several and ("," in text or _only_several(kind)):
        value = tuple(part.strip() for part in text.split(",") if part.strip())
    try:
        return TypeAdapter(kind, config=ConfigDict(arbitrary_types_allowed=True)).validate_python(value)
    except ValidationError as error:
        raise UsageError(f"--set {name}={text}: expected {_described(kind)}") from error


def _takes_several(kind: Any) -> bool:
    return any(_only_several(part) for part in get_args(kind)) or _only_several(kind)


def _only_several(kind: Any) -> bool:
    origin = get_origin(kind)
    return isinstance(origin, type) and issubclass(origin, Sequence)


def _described(kind: Any) -> str:
    """A type in words, for a message; of a union the parts that a text can be."""
    if kind in PLAIN:
        return PLAIN[kind]
    if _only_several(kind):
        return f"{_described(get_args(kind)[0])}, or several separated by commas"
    several = [part for part in get_args(kind) if _only_several(part)]
    single = [part for part in get_args(kind) if part in PLAIN and all(part not in get_args(one) for one in several)]
    return " or ".join(map(_described, (*several, *single)))


def _fields(base: object) -> "tuple[Field[Any], ...]":
    return fields(base)  # type: ignore[arg-type]


def _value(field: "Field[Any]", values: Sequence[Any]) -> Any:
    if field.default is not MISSING and isinstance(field.default, tuple):
        return tuple(values)
    if len(values) > 1:
        raise UsageError(f"{option_of(field.name)} was given {len(values)} times: give it once")
    return values[0]
