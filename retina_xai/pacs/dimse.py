"""An archive by the DICOM protocol (PS3.7, PS3.4 B and C), with pynetdicom.

An object is fetched by C-GET, or by C-MOVE to a port of ours for archives that offer no C-GET. Every transfer syntax is
offered in a presentation context of its own, so that the archive need not convert. An archive that
uses only the first context of a class (dcmqrscp) is asked again with one syntax after the other. A connection that the
archive closed between two operations is opened again.
"""

import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import (
    JPEG2000,
    UID,
    AllTransferSyntaxes,
    ColorSoftcopyPresentationStateStorage,
    ComprehensiveSRStorage,
    EncapsulatedPDFStorage,
    ExplicitVRLittleEndian,
    GrayscaleSoftcopyPresentationStateStorage,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
    SegmentationStorage,
)
from pynetdicom import AE, build_context, build_role, evt
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext
from pynetdicom.status import (
    QR_FIND_SERVICE_CLASS_STATUS,
    QR_GET_SERVICE_CLASS_STATUS,
    QR_MOVE_SERVICE_CLASS_STATUS,
    STORAGE_SERVICE_CLASS_STATUS,
)

from retina_xai.errors import InputError, ServerError
from retina_xai.io.dicom.facts import PHOTOGRAPH_CLASSES
from retina_xai.io.names import printable
from retina_xai.pacs.archive import ArchiveSettings, RemoteObject, ServerAddress, StudyQuery

CLASSES = PHOTOGRAPH_CLASSES | {
    *(SegmentationStorage, ComprehensiveSRStorage, EncapsulatedPDFStorage),
    *(ColorSoftcopyPresentationStateStorage, GrayscaleSoftcopyPresentationStateStorage),
}
"""Photographs and results, which are offered where the archive does not say the class of an object."""

FIND, GET, MOVE = (UID(f"1.2.840.10008.5.1.4.1.2.2.{number}") for number in (1, 3, 2))
"""Of the Study Root model (PS3.4 C.6.2)."""

NATIVE = (ExplicitVRLittleEndian, ImplicitVRLittleEndian)
COMPRESSED = (JPEGBaseline8Bit, JPEGLosslessSV1, JPEG2000Lossless, JPEG2000, JPEGLSLossless, RLELossless)
"""Those that ophthalmic devices use."""

SYNTAXES = tuple(dict.fromkeys((*NATIVE, *COMPRESSED, *(one for one in AllTransferSyntaxes if "MPEG" not in one.name))))
OFFERS = (SYNTAXES, *((one,) for one in COMPRESSED))
"""Transfer syntaxes that are offered together; those after the first for archives that use the first context only."""

NOT_SENT = 0xA702
MOST_CONTEXTS = 128
"""In one association (PS3.8 9.3.2)."""

SUCCESS, PENDING = 0x0000, (0xFF00, 0xFF01)
STORED = (0x0000, 0xB000, 0xB006, 0xB007)
"""Success, and warnings with which the object was stored."""


class DimseArchive:
    """An `archive.Archive` at dicom://AETITLE@host:port."""

    def __init__(self, address: ServerAddress, settings: ArchiveSettings) -> None:
        self._address, self._settings = address, settings
        self._entity = AE(ae_title=settings.title)
        self._entity.acse_timeout = self._entity.dimse_timeout = settings.timeout
        self._entity.network_timeout = self._entity.connection_timeout = settings.timeout
        self._held: tuple[str, Association] | None = None
        self._received: dict[str, bytes] = {}
        self._receiver = None if settings.move_port is None else self._listen(settings.move_port)

    def find(self, query: StudyQuery) -> list[RemoteObject]:
        """See `archive.Archive`."""
        found: list[RemoteObject] = []
        for study in self._matches("STUDY", query.keys(), "StudyInstanceUID"):
            within = {"StudyInstanceUID": study.StudyInstanceUID}
            for series in self._matches("SERIES", within, "SeriesInstanceUID"):
                keys = {**within, "SeriesInstanceUID": series.SeriesInstanceUID}
                for one in self._matches("IMAGE", keys, "SOPInstanceUID", "SOPClassUID"):
                    uids = (str(study.StudyInstanceUID), str(series.SeriesInstanceUID), str(one.SOPInstanceUID))
                    found.append(RemoteObject(*uids, str(one.get("SOPClassUID") or "")))
        return [one for one in found if query.wants(one.sop_class)]

    def fetch(self, wanted: RemoteObject) -> bytes:
        """See `archive.Archive`."""
        keys = Dataset()
        keys.QueryRetrieveLevel = "IMAGE"
        keys.StudyInstanceUID, keys.SeriesInstanceUID = wanted.study, wanted.series
        keys.SOPInstanceUID = wanted.uid
        self._received.clear()
        if self._receiver is None:
            status = self._get(keys, wanted)
            known, what = QR_GET_SERVICE_CLASS_STATUS, "C-GET"
        else:
            association = self._association("MOVE", [build_context(MOVE)])
            status = _last(association.send_c_move(keys, self._settings.title, MOVE))
            known, what = QR_MOVE_SERVICE_CLASS_STATUS, "C-MOVE"
        if wanted.uid in self._received:
            return self._received.pop(wanted.uid)
        if status is None:
            raise self._lost(what)
        if status == SUCCESS:
            raise InputError(f"{self._address}: ended {what} without sending the object; pull again")
        raise InputError(f"{self._address}: {what} failed ({_said(status, known)}); the object cannot be sent")

    def store(self, path: Path) -> None:
        """See `archive.Archive`."""
        dataset = dcmread(path)
        syntax, sop_class = dataset.file_meta.TransferSyntaxUID, dataset.SOPClassUID
        association = self._association(f"STORE {sop_class} {syntax}", [build_context(sop_class, syntax)])
        status = association.send_c_store(dataset).get("Status")
        if status is None:
            raise self._lost("C-STORE")
        if status not in STORED:
            said = _said(status, STORAGE_SERVICE_CLASS_STATUS)
            raise InputError(f"{self._address}: C-STORE failed ({said}); the object was not stored")

    def close(self, *, at_once: bool = False) -> None:
        """See `archive.Archive`."""
        if at_once and self._held is not None:
            self._held[1].abort()
        self._release()
        if self._receiver is not None:
            self._receiver.shutdown()

    def _matches(self, level: str, keys: dict[str, str], *asked: str) -> list[Dataset]:
        """The answers to C-FIND at a level that have the first of `asked`."""
        query = Dataset()
        query.QueryRetrieveLevel = level
        for name in asked:
            setattr(query, name, "")
        for name, value in keys.items():
            setattr(query, name, value)
        association = self._association("FIND", [build_context(FIND)])
        found: list[Dataset] = []
        for answer, match in association.send_c_find(query, FIND):
            status = answer.get("Status")
            if status is None:
                raise self._lost("C-FIND")
            if status in PENDING and match is not None and match.get(asked[0]):
                found.append(match)
            elif status not in (*PENDING, SUCCESS):
                said = _said(status, QR_FIND_SERVICE_CLASS_STATUS)
                raise ServerError(f"{self._address}: C-FIND failed ({said}); check the query and the AE titles")
        return found

    def _get(self, keys: Dataset, wanted: RemoteObject) -> int | None:
        """The status of C-GET; None where the connection ended."""
        classes = [wanted.sop_class] if wanted.sop_class else sorted(CLASSES)
        roles = [build_role(UID(one), scp_role=True) for one in classes]
        status: int | None = None
        for number, offer in enumerate(OFFERS):
            pairs = [build_context(one, syntax) for syntax in offer for one in classes]
            contexts = [build_context(GET), *pairs[: MOST_CONTEXTS - 1]]
            association = self._association(f"GET {wanted.sop_class} {number}", contexts, roles)
            status = _last(association.send_c_get(keys, GET))
            if wanted.uid in self._received or status != NOT_SENT:
                break
        return status

    def _association(self, key: str, contexts: list[PresentationContext], roles: Sequence[Any] = ()) -> Association:
        """An open association for these contexts; that of the call before if it had the same key."""
        if self._held is not None:
            held, association = self._held
            if held == key and association.is_established:
                return association
            self._release()
        association = self._entity.associate(
            self._address.host,
            self._address.port,
            contexts=contexts,
            ae_title=self._address.title,
            ext_neg=list(roles),
            evt_handlers=[(evt.EVT_C_STORE, self._receive)],
        )
        if not association.is_established:
            raise self._refusal(association, key.partition(" ")[0])
        self._held = key, association
        return association

    def _release(self) -> None:
        held, self._held = self._held, None
        if held is not None and held[1].is_established:
            held[1].release()

    def _receive(self, event: Any) -> int:
        """Keep an object that the archive sends, as a file, without decoding it."""
        self._received[str(event.request.AffectedSOPInstanceUID)] = event.encoded_dataset()
        return SUCCESS

    def _listen(self, port: int) -> Any:
        """Receive what C-MOVE sends, on all interfaces of this machine."""
        receiver = AE(ae_title=self._settings.title)
        receiver.require_called_aet = True
        for one in CLASSES:
            receiver.add_supported_context(one, list(SYNTAXES))
        try:
            return receiver.start_server(("", port), block=False, evt_handlers=[(evt.EVT_C_STORE, self._receive)])
        except OSError as error:
            raise ServerError(
                f"port {port}: cannot listen for C-MOVE ({error.strerror}); choose another one"
            ) from error

    def _refusal(self, association: Association, what: str) -> InputError:
        if association.is_rejected:
            reason = getattr(association.acceptor.primitive, "reason_str", "no reason")
            return ServerError(
                f"{self._address}: refused the association ({printable(reason)}); check its AE title, and that it "
                f"knows ours, {self._settings.title} (--title)"
            )
        if association.rejected_contexts:
            return InputError(
                f"{self._address}: accepts no {what} for objects of this class and transfer syntax; check what "
                "it supports"
            )
        try:
            socket.create_connection((self._address.host, self._address.port), self._settings.timeout).close()
        except OSError as error:
            return ServerError(f"{self._address}: cannot be reached ({error.strerror or error}); check host and port")
        return ServerError(
            f"{self._address}: answers, but not as a DICOM server within {self._settings.timeout:g} s; check the port"
        )

    def _lost(self, what: str) -> ServerError:
        self._release()
        return ServerError(
            f"{self._address}: the connection ended, or was silent for {self._settings.timeout:g} s, during {what}; "
            "what is done is kept, run again to go on"
        )


def _last(answers: Iterator[tuple[Dataset, Dataset | None]]) -> int | None:
    """The last status of a retrieval; None where the connection ended."""
    status: int | None = None
    for answer, _ in answers:
        status = answer.get("Status")
    return status


def _said(status: int, known: dict[int, tuple[str, str]]) -> str:
    category, text = known.get(status, ("Failure", "unknown status"))
    return f"0x{status:04X}, {text or category}"
