"""Names of files as texts that can be shown and stored.

A name on disk is a sequence of bytes. It may hold control characters, which a terminal would execute (ESC), or bytes
that are not UTF-8, which Python represents by lone surrogates and no file in UTF-8 can hold.
"""

import os
import unicodedata
from pathlib import Path


def shown_name(path: Path | str) -> str:
    """The file name of a path as a printable text, different for different names: a backslash in it is doubled.

    >>> shown_name("folder/a\\x1b[31m.png")
    'a\\\\x1b[31m.png'
    """
    return shown_path(Path(path).name if isinstance(path, str) else path.name)


def shown_path(path: Path | str) -> str:
    """A path as a printable text. On Windows, where backslashes separate folders, they are not doubled."""
    text = str(path)
    return printable(text if os.sep == "\\" else text.replace("\\", "\\\\"))


def printable(text: str) -> str:
    """A text in which each character that cannot be shown is an escape, such as \\\\x1b.

    These are control and format characters, lone surrogates (as the byte that they represent, \\\\xff), and separators
    of lines.
    """
    return text if text.isprintable() else "".join(map(_escaped, text))


def _escaped(character: str) -> str:
    if character.isprintable() or unicodedata.category(character) == "Zs":
        return character
    byte = ord(character) - 0xDC00
    if 0x80 <= byte <= 0xFF:
        return f"\\x{byte:02x}"
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
