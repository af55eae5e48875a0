"""Damages of files: of bytes as disks, cables and programs make them, and of texts as editors and attackers do."""

import re
from collections.abc import Callable
from random import Random

NASTY_BYTES = (0x00, 0x01, 0x7F, 0x80, 0xFE, 0xFF)
NASTY_WORDS = (0, 1, 0x7F, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF)
NASTY_NUMBERS = (
    *(b"-1", b"0", b"1e309", b"-1e309", b"1e-400", b"9" * 401, b"NaN", b"Infinity"),
    *(b"null", b"true", b'"x"', b"[]", b"{}"),
)
NASTY_TEXTS = (
    *(b"\0", b"\xef\xbb\xbf", b"\xff\xfe", b"\x1b[31m", "\u202e".encode(), b'"', b",", b"\r", b"\n", b"-", b"1"),
    *(b"&a;", b"<!DOCTYPE a [<!ENTITY b 'c'>]>", b"x" * 200_000),
    *(opening * 20_000 for opening in (b"[", b'{"a":', b"a.", b"<a>")),
)
NUMBER, WORD = re.compile(rb"-?\d+(\.\d+)?(e[+-]?\d+)?"), re.compile(rb"[A-Za-z_]\w+")
MAX_RANGE = 64

Mutation = Callable[[Random, bytes, bytes], bytes]
"""(random numbers, file, another file of the same kind) -> damaged file."""


def _place(random: Random, data: bytes) -> tuple[int, int]:
    """The begin and end of a short range."""
    begin = random.randrange(len(data) + 1)
    return begin, min(len(data), begin + random.randint(1, MAX_RANGE))


def _flip_bit(random: Random, data: bytes, _: bytes) -> bytes:
    found = bytearray(data)
    if found:
        found[random.randrange(len(found))] ^= 1 << random.randrange(8)
    return bytes(found)


def _set_byte(random: Random, data: bytes, _: bytes) -> bytes:
    found = bytearray(data)
    if found:
        found[random.randrange(len(found))] = random.choice((*NASTY_BYTES, random.randrange(256)))
    return bytes(found)


def _set_word(random: Random, data: bytes, _: bytes) -> bytes:
    """Overwrite 2 or 4 bytes with a number at which programs err, in either order of bytes."""
    size = random.choice((2, 4))
    word = (random.choice(NASTY_WORDS) & (256**size - 1)).to_bytes(size, random.choice(("big", "little")))
    begin = random.randrange(max(1, len(data) - size))
    return data[:begin] + word + data[begin + size :]


def _truncate(random: Random, data: bytes, _: bytes) -> bytes:
    return data[: random.randrange(len(data) + 1)]


def _delete(random: Random, data: bytes, _: bytes) -> bytes:
    begin, end = _place(random, data)
    return data[:begin] + data[end:]


def _repeat(random: Random, data: bytes, _: bytes) -> bytes:
    begin, end = _place(random, data)
    return data[:end] + data[begin:end] * random.choice((1, 2, 50)) + data[end:]


def _clear(random: Random, data: bytes, _: bytes) -> bytes:
    begin, end = _place(random, data)
    return data[:begin] + bytes(end - begin) + data[end:]


def _insert(random: Random, data: bytes, _: bytes) -> bytes:
    begin, _end = _place(random, data)
    return data[:begin] + random.randbytes(random.randint(1, MAX_RANGE)) + data[begin:]


def _move(random: Random, data: bytes, _: bytes) -> bytes:
    begin, end = _place(random, data)
    rest, target = data[:begin] + data[end:], random.randrange(len(data) + 1)
    return rest[:target] + data[begin:end] + rest[target:]


def _splice(random: Random, data: bytes, other: bytes) -> bytes:
    cut = random.random()
    return data[: int(cut * len(data))] + other[int(cut * len(other)) :]


def _replaced(random: Random, data: bytes, pattern: re.Pattern[bytes], new: bytes) -> bytes:
    found = list(pattern.finditer(data))
    if not found:
        return data
    chosen = random.choice(found)
    return data[: chosen.start()] + new + data[chosen.end() :]


def _change_number(random: Random, data: bytes, _: bytes) -> bytes:
    return _replaced(random, data, NUMBER, random.choice((*NASTY_NUMBERS, str(random.randrange(1000)).encode())))


def _change_word(random: Random, data: bytes, other: bytes) -> bytes:
    words = WORD.findall(other) or [b"x"]
    return _replaced(random, data, WORD, random.choice(words))


def _insert_text(random: Random, data: bytes, _: bytes) -> bytes:
    begin, _end = _place(random, data)
    return data[:begin] + random.choice(NASTY_TEXTS) + data[begin:]


def _change_lines(random: Random, data: bytes, _: bytes) -> bytes:
    lines = data.splitlines(keepends=True) or [b""]
    chosen = random.randrange(len(lines))
    lines[chosen : chosen + 1] = lines[chosen : chosen + 1] * random.choice((0, 2))
    return b"".join(lines)


BYTES: tuple[Mutation, ...] = (
    *(_flip_bit, _set_byte, _set_word, _truncate, _delete, _repeat, _clear, _insert, _move, _splice),
)
TEXTS: tuple[Mutation, ...] = (*BYTES, *(_change_number, _change_word, _insert_text, _change_lines) * 3)


def mutated(random: Random, data: bytes, other: bytes, mutations: tuple[Mutation, ...]) -> bytes:
    """A damaged copy: one damage in two of three cases, up to four otherwise; never the file itself."""
    while True:
        found = data
        for _ in range(random.choice((1, 1, 1, 1, 2, 4))):
            found = random.choice(mutations)(random, found, other)
        if found != data:
            return found
