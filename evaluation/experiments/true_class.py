"""The true ImageNet class of a photograph, from its file name or the name of its folder.

ImageNet files lie in folders named by the WordNet number of the class (n01440764), or have the number in their own
name, often followed by the class name (n01440764_tench.JPEG). The number is looked up in synset_words.txt (1000 lines
"number names" in class order) in the folder of the photograph or one folder above. Without that file, the name is
compared with the class names of the network.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from retina_xai.errors import UsageError
from retina_xai.models.network import class_index

SYNSETS = "synset_words.txt"
NUMBER = re.compile(r"(n\d{8})(?:_(?P<name>.*))?$")


def true_class(path: Path, classes: Sequence[str]) -> int | None:
    """The class index of a photograph, or None if neither name holds it."""
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
    """The class with exactly that name, or None; a number is not a name."""
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
