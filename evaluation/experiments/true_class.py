"""The true ImageNet class of a photograph, told from its name or its folder's.

ImageNet's files lie in folders named by the class's WordNet number (n01440764), or bear it in their own name, often
followed by the class's name (n01440764_tench.JPEG). The number is looked up in synset_words.txt (1000 lines "number
names" in class order) where that file lies beside the photographs or one folder above; else the name is matched with
the network's class names.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from retina_xai.errors import UsageError
from retina_xai.models.network import class_index

SYNSETS = "synset_words.txt"
NUMBER = re.compile(r"(n\d{8})(?:_(?P<name>.*))?$")


def true_class(path: Path, classes: Sequence[str]) -> int | None:
    """The class index of a photograph, or None where nothing tells it."""
    for text in (path.stem, path.parent.name):
        found = NUMBER.match(text)
        if found is None:
            index = named_class(text, classes)
        else:
            numbers = synsets_near(path)
            known = len(numbers) == len(classes) and found[1] in numbers
            index = numbers.index(found[1]) if known else named_class(found["name"] or "", classes)
        if index is not None:
            return index
    return None


def named_class(text: str, classes: Sequence[str]) -> int | None:
    """The class of exactly that name, or None; numbers are no names."""
    try:
        return None if text.isdecimal() or not text else class_index(classes, text)
    except UsageError:
        return None


def synsets_near(path: Path) -> list[str]:
    """The WordNet numbers in class order, from the list beside the photograph or above it; empty without one."""
    for folder in (path.parent, path.parent.parent):
        try:
            lines = (folder / SYNSETS).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            continue
        return [line.split()[0] for line in lines if line.strip()]
    return []
