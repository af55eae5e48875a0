"""Damages of the compressed data of an image file; what is around it, such as a JPEG's end marker, stays."""

from collections.abc import Callable
from random import Random

Damage = Callable[[bytes, Random], bytes]


def _place(data: bytes, random: Random, length: int) -> int:
    """Where a damage of this length begins: in the middle half of the data."""
    return random.randrange(len(data) // 4, max(len(data) // 4 + 1, 3 * len(data) // 4 - length))


def cut(data: bytes, random: Random) -> bytes:
    return data[: len(data) // 2]


def zeroed(data: bytes, random: Random) -> bytes:
    length = max(32, len(data) // 20)
    start = _place(data, random, length)
    return data[:start] + bytes(length) + data[start + length :]


def removed(data: bytes, random: Random) -> bytes:
    length = max(32, len(data) // 20)
    start = _place(data, random, length)
    return data[:start] + data[start + length :]


def duplicated(data: bytes, random: Random) -> bytes:
    length = max(32, len(data) // 20)
    start = _place(data, random, length)
    return data[: start + length] + data[start:]


def one_bit(data: bytes, random: Random) -> bytes:
    damaged = bytearray(data)
    damaged[_place(data, random, 1)] ^= 1 << random.randrange(8)
    return bytes(damaged)


DAMAGES: dict[str, Damage] = {one.__name__: one for one in (cut, zeroed, removed, duplicated)}
"""Damages that change the length of what is decoded. A single bit, or a few bytes, may leave all codes valid."""


def damaged_jpeg(content: bytes, damage: Damage, random: Random) -> bytes:
    """A JPEG whose entropy-coded data is damaged, with all headers and the end marker."""
    scan = content.index(b"\xff\xda")
    start = scan + 2 + int.from_bytes(content[scan + 2 : scan + 4], "big")
    return content[:start] + damage(content[start:-2], random) + content[-2:]
