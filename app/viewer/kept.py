"""Keeping the last few values of a kind."""

from collections import OrderedDict


def keep(values: OrderedDict, key: object, value: object, limit: int) -> None:  # type: ignore[type-arg]
    """Keep a value among the last few; the oldest are dropped."""
    values[key] = value
    values.move_to_end(key)
    while len(values) > limit:
        values.popitem(last=False)
