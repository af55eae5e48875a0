"""What is asked of an archive, and the two kinds of archives.

    dicom://AETITLE@host:port     C-FIND, C-GET or C-MOVE, C-STORE (`dimse`)
    https://host/dicom-web        QIDO-RS, WADO-RS, STOW-RS (`dicom_web`)

An error of the connection is a `ServerError`, which ends a run. What concerns one object only is an `InputError`. No
message holds a value of a query or an identifier of an object.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from retina_xai.errors import UsageError
from retina_xai.io.dicom.facts import PHOTOGRAPH_CLASSES
from retina_xai.io.dicom.headers import quiet_pydicom

DICOM_PORT = 104
EXAMPLES = "dicom://AETITLE@host:port or https://host/dicom-web"
LONGEST_TITLE = 16
LOGGERS = ("pynetdicom", "dicomweb_client", "urllib3")
"""Loggers that show identifiers or values."""


@dataclass(frozen=True)
class ArchiveSettings:
    """Seconds until a silent server counts as dead, our AE title, and our port for C-MOVE (None: C-GET)."""

    timeout: float = 30.0
    title: str = "RETINA_XAI"
    move_port: int | None = None

    def __post_init__(self) -> None:
        _check_title(self.title)


@dataclass(frozen=True)
class ServerAddress:
    """Scheme ("dicom", "http", "https"), AE title ("" for DICOMweb), host, port, and the whole URL of DICOMweb."""

    scheme: str
    title: str
    host: str
    port: int
    url: str

    def __str__(self) -> str:
        return self.url

    @classmethod
    def parse(cls, text: str) -> "ServerAddress":
        """An address in one of the forms of the module docstring.

        Raises:
            UsageError: another form, or a password, which would be shown and kept.
        """
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError as error:
            raise UsageError(f"server {text!r}: {error}; expected {EXAMPLES}") from error
        if parts.scheme not in ARCHIVES or not parts.hostname:
            raise UsageError(f"server {text!r}: expected {EXAMPLES}")
        if parts.password is not None or (parts.username and parts.scheme != "dicom"):
            raise UsageError("the address of the server holds a user or password: write them into ~/.netrc")
        if parts.scheme == "dicom":
            _check_title(parts.username or "")
        return cls(parts.scheme, parts.username or "", parts.hostname, port or DICOM_PORT, text.rstrip("/"))


@dataclass(frozen=True)
class StudyQuery:
    """Which studies: by UID, patient number, accession number, date (YYYYMMDD or YYYYMMDD-YYYYMMDD).

    Wildcards (* and ?) are those of the archive. `everything`: also objects that are no photographs.

    Raises:
        UsageError: nothing is given, which would mean the whole archive.
    """

    study: str = field(default="", repr=False)
    patient: str = field(default="", repr=False)
    accession: str = field(default="", repr=False)
    date: str = field(default="", repr=False)
    everything: bool = False

    def __post_init__(self) -> None:
        if not self.keys():
            raise UsageError("which studies? give --study, --patient, --accession or --date")

    def keys(self) -> dict[str, str]:
        """What is given, by DICOM keyword."""
        values = {
            "StudyInstanceUID": self.study,
            "PatientID": self.patient,
            "AccessionNumber": self.accession,
            "StudyDate": self.date,
        }
        return {name: value for name, value in values.items() if value}

    def wants(self, sop_class: str) -> bool:
        """Whether objects of a class are asked for; one without a known class may be a photograph."""
        return self.everything or not sop_class or sop_class in PHOTOGRAPH_CLASSES


@dataclass(frozen=True)
class RemoteObject:
    """An object in an archive: UIDs of its study, series and itself, and its class ("" if unknown)."""

    study: str = field(repr=False)
    series: str = field(repr=False)
    uid: str = field(repr=False)
    sop_class: str


class Archive(Protocol):
    """An open connection; used by one thread."""

    def find(self, query: StudyQuery) -> list[RemoteObject]:
        """The objects that a query asks for, in the order of the archive."""

    def fetch(self, wanted: RemoteObject) -> bytes:
        """One object as a DICOM file, in the transfer syntax in which the archive has it where possible."""

    def store(self, path: Path) -> None:
        """Send a DICOM file; returns when the archive has confirmed it."""

    def close(self, *, at_once: bool = False) -> None:
        """End the connection; `at_once` without waiting for the archive."""


def _dimse(address: ServerAddress, settings: ArchiveSettings) -> Archive:
    from retina_xai.pacs.dimse import DimseArchive

    return DimseArchive(address, settings)


def _web(address: ServerAddress, settings: ArchiveSettings) -> Archive:
    from retina_xai.pacs.dicom_web import WebArchive

    return WebArchive(address, settings)


ARCHIVES: dict[str, Callable[[ServerAddress, ArchiveSettings], Archive]] = {
    "dicom": _dimse,
    "http": _web,
    "https": _web,
}
"""By scheme of the address."""


@contextmanager
def open_archive(text: str, settings: ArchiveSettings) -> Iterator[Archive]:
    """The archive at an address; logs of the libraries are switched off, because they quote identifiers.

    Raises:
        UsageError: no valid address. ServerError, InputError: see the module docstring.
    """
    address = ServerAddress.parse(text)
    loggers = [logging.getLogger(name) for name in LOGGERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        with quiet_pydicom():
            archive = ARCHIVES[address.scheme](address, settings)
            try:
                yield archive
            except BaseException:  # an interrupt must not wait for a silent server
                archive.close(at_once=True)
                raise
            archive.close()
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _check_title(title: str) -> None:
    if not 1 <= len(title.strip()) <= LONGEST_TITLE or not title.isascii() or not title.isprintable() or "\\" in title:
        raise UsageError(
            f"AE title {title!r}: expected 1 to {LONGEST_TITLE} letters without backslash; the address of a server "
            "is dicom://AETITLE@host:port"
        )
