"""Who said what of which photograph: every row of the store of readings, read once in this process.

Rows are never changed, so only new ones are read; all are read again when another file has taken the place of the
store, such as a backup. Their lesions, which take most of the memory, are not kept: `full` reads them again where they
are needed.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from retina_xai.app.readings.model import Reading
from retina_xai.app.readings.store import ReadingStore, StoredReadings
from retina_xai.errors import InputError

AT_ONCE = 50
"""Rows that are in the memory with their lesions at the same time."""


@dataclass(eq=False)
class ReadingIndex:
    """All readings of a store, without their lesions and settings; may be shared by threads."""

    store: ReadingStore
    _heads: dict[int, Reading] = field(default_factory=dict)
    _marks: dict[int, int] = field(default_factory=dict)
    _damaged: set[int] = field(default_factory=set)
    _last: int = 0
    _file: tuple[int, int] = (0, 0)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def heads(self, reader: str) -> tuple[Reading, ...]:
        """The readings of a reader in the order of their storing, with neither lesions nor settings.

        Raises:
            InputError: the store cannot be read.
        """
        self._read_new_rows()
        return tuple(head for head in [*self._heads.values()] if head.reader == reader)

    def marks(self, head: Reading) -> int:
        """How many lesions the reader accepted, corrected or drew in the reading of this head; 0 if its row is gone."""
        return self._marks.get(head.number, 0)

    @property
    def damaged(self) -> tuple[int, ...]:
        """Numbers of the damaged rows, whoever's they are.

        Raises:
            InputError: the store cannot be read.
        """
        self._read_new_rows()
        return tuple(sorted(self._damaged))

    def full(self, chosen: Callable[[Reading], bool]) -> tuple[Reading, ...]:
        """The whole readings of those heads that `chosen` picks. A row that was damaged since its head was read is left
        out, and one of `damaged` from then on.

        Raises:
            InputError: the store cannot be read.
        """
        self._read_new_rows()
        found = self.store.read([number for number, head in [*self._heads.items()] if chosen(head)])
        with self._lock:
            self._add(found)
        return found.readings

    def whole(self, head: Reading) -> Reading:
        """The whole reading of a head.

        Raises:
            InputError: the store cannot be read, or the row was damaged since its head was read.
        """
        found = self.full(lambda one: one.number == head.number)
        if not found:
            raise InputError(f"reading {head.number} is damaged in {self.store.path}: use a backup of this file")
        return found[0]

    def _read_new_rows(self) -> None:
        with self._lock:
            numbers = self._new_numbers()
            for begin in range(0, len(numbers), AT_ONCE):
                some = numbers[begin : begin + AT_ONCE]
                self._add(self.store.read(some))
                self._last = some[-1]

    def _new_numbers(self) -> list[int]:
        """Those after the last one that was read; all, after the store was replaced."""
        numbers = self.store.numbers(max(0, self._last - 1))
        file = self.store.path.stat()
        known = numbers[:1] == [self._last] and self._file == (file.st_dev, file.st_ino)
        self._file = file.st_dev, file.st_ino
        if known:
            return numbers[1:]
        self._heads, self._marks, self._damaged, self._last = {}, {}, set(), 0
        return self.store.numbers()

    def _add(self, found: StoredReadings) -> None:
        for row in found.damaged:
            self._damaged.add(row.number)
            self._heads.pop(row.number, None)
        for one in found.readings:
            self._marks[one.number] = sum(lesion.status != "deleted" for lesion in one.reviewed)
        self._heads |= {one.number: replace(one, lesions=(), settings={}) for one in found.readings}
