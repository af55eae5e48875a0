"""The photographs of the viewer: files of the served folder, their frames, and uploads.

Pages identify a photograph by a key instead of its path: a hash of its place in the folder, or of the uploaded content.

Where a DICOM file says whom it is of, the photograph is named by numbers, as "patient 3, study 2 of 2, right": nothing
in the name identifies the patient, unless `identified` asks for the patient's number and the date. Numbers follow the
order of the files, those of studies their time. Each frame of a file is a photograph of its own, with its own hash, so
that a reading of one frame is not taken for one of another.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from retina_xai.errors import OutputError
from retina_xai.grades.photographs import official_eye, official_patient
from retina_xai.io.files import replacing, sha256_of
from retina_xai.io.identity import Identity, numbered, pseudonym, study_numbers
from retina_xai.io.images import Photograph, frames_of, identity_of, read_image
from retina_xai.io.names import printable, shown_name

EYES = ("right", "left", "both", "")
OTHER_EYE = {"right": "left", "left": "right"}
MAX_FRAMES = 200
"""Frames of one file that are listed; a header can state any number."""


@dataclass(frozen=True)
class Item:
    """A photograph: `name` as shown, without folders; `key` as in the head of this module.

    frame: of a file with several, from 0. group: the patient that the file names, "" where it names none. later: number
    of later studies of this patient. eye: as in `Identity`.
    """

    key: str
    name: str
    path: Path
    uploaded: bool = False
    frame: int | None = None
    group: str = ""
    later: int = 0
    eye: str = ""

    @property
    def place(self) -> tuple[int, int, int]:
        """Among the photographs of the patient: the latest study first, then by eye and frame."""
        return self.later, EYES.index(self.eye), self.frame or 0

    @property
    def patient(self) -> str:
        """The patient, as far as file or name tell; never shown."""
        return self.group or official_patient(Path(self.name).stem) or f"{self.name} {self.key}"

    @property
    def side(self) -> str:
        """The eye as far as file or name tell: "right", "left", "both", or ""."""
        return self.eye or official_eye(Path(self.name).stem)

    def content(self) -> str:
        """SHA-256 of the file; of a frame, of that and its number.

        Raises:
            OSError: the file cannot be read.
        """
        whole = sha256_of(self.path)
        return whole if self.frame is None else hashlib.sha256(f"{whole} frame {self.frame}".encode()).hexdigest()

    def read(self, sha256: str | None = None) -> Photograph:
        """The photograph; `sha256` is its `content` if that is already known.

        Raises:
            InputError: it cannot be read.
        """
        if sha256 is None and self.frame is not None:
            sha256 = self.content()
        return read_image(self.path, self.frame, sha256)


@dataclass(frozen=True)
class Folder:
    """The photographs that are served, and how many were left out because they lead out of the folder."""

    items: tuple[Item, ...] = ()
    left_out: int = 0


def fellow_of(item: Item, items: Iterable[Item]) -> Item | None:
    """The photograph of the other eye, of the same patient and study as far as files or official names tell.

    Of several, the one at the same place: the second of the left eye for the second of the right one.
    """
    wanted = OTHER_EYE.get(item.side)
    if wanted is None:
        return None
    together = [one for one in items if one.patient == item.patient and one.later == item.later]
    own = [one.key for one in together if one.side == item.side]
    others = [one for one in together if one.side == wanted]
    return others[min(own.index(item.key), len(others) - 1)] if others else None


def items_of(paths: Iterable[Path], roots: Sequence[Path], identified: bool = False) -> Folder:
    """Items of files below `roots`, or roots themselves; a link that leads out of its root is left out."""
    files = {path: path.resolve() for path in paths}
    homes = [root.resolve() for root in roots]
    kept = [path for path, real in files.items() if path in roots or any(real.is_relative_to(home) for home in homes)]
    known = {path: identity for path in kept if (identity := identity_of(path)) is not None}
    patients = numbered(known.values(), lambda one: one.patient)
    studies = study_numbers(known.values())
    items: list[Item] = []
    for path in kept:
        plain = Item(key_of(str(path)), shown_name(path), path)
        if (identity := known.get(path)) is not None:
            told = _with_date(identity) if identified else _numbered(identity, patients)
            plain = _of_patient(plain, identity, told, studies)
        items += _frames(plain)
    return Folder(_apart(items), len(files) - len(kept))


def _numbered(identity: Identity, patients: Mapping[str, int]) -> str:
    return f"patient {patients[identity.patient]}" if identity.patient else "unnamed patient"


def _with_date(identity: Identity) -> str:
    return ", ".join(
        printable(part) for part in (identity.patient or "unnamed patient", identity.acquired[:10]) if part
    )


def _of_patient(plain: Item, identity: Identity, told: str, studies: Mapping[tuple[str, str], int]) -> Item:
    """The item of a file that says whom it is of; `told` is the patient as shown."""
    number = studies.get((identity.patient, identity.study), 1)
    count = max((n for (patient, _), n in studies.items() if patient == identity.patient), default=1)
    study = f"study {number} of {count}" if count > 1 else ""
    return replace(
        plain,
        name=", ".join(part for part in (told, study, identity.eye) if part),
        group=f"dicom {identity.patient}" if identity.patient else f"file {plain.key}",
        later=count - number,
        eye=identity.eye,
    )


def _frames(item: Item) -> list[Item]:
    """An item for each frame of its file."""
    count = min(frames_of(item.path), MAX_FRAMES)
    if count == 1:
        return [item]
    return [
        replace(
            item,
            key=key_of(f"{item.key} {frame}"),
            name=f"{item.name}, frame {frame + 1} of {count}",
            frame=frame,
        )
        for frame in range(count)
    ]


def _apart(items: Sequence[Item]) -> tuple[Item, ...]:
    """The items; photographs of one patient, study and eye have numbers behind their names."""
    counts = Counter(item.name for item in items if item.group)
    given: Counter[str] = Counter()
    named = []
    for item in items:
        if counts[item.name] > 1 and item.group:
            given[item.name] += 1
            named.append(replace(item, name=f"{item.name} ({given[item.name]})"))
        else:
            named.append(item)
    return tuple(named)


def uploads_of(name: str, content: bytes, folder: Path) -> tuple[Item, ...]:
    """Keep an upload below `folder` under the hash of its content; its name is shown and nothing else.

    A DICOM file is shown by a pseudonym, because its name may identify the patient; each of its frames is an item.

    Raises:
        OutputError: it cannot be written.
    """
    sha256 = hashlib.sha256(content).hexdigest()
    path, shown = folder / sha256, name.replace("\\", "/").rpartition("/")[2] or "upload"
    if not path.exists():
        try:
            with replacing(path) as partial:
                partial.write_bytes(content)
        except OutputError as error:
            raise OutputError(str(error).replace(str(path), shown)) from error
    if (identity := identity_of(path)) is None:
        return (Item(key_of(f"{sha256} {shown}"), shown, path, uploaded=True),)
    plain = Item(key_of(sha256), pseudonym(sha256), path, uploaded=True)
    return tuple(_frames(_of_patient(plain, identity, plain.name, {})))


def key_of(text: str) -> str:
    """The key of a photograph: 16 hexadecimal digits."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]
