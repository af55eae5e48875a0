"""Photographs without what identifies the patient, by the Basic Application Confidentiality Profile of PS3.15, annex E.

The table of the profile is that of dicom-anonymizer, which applies it to the outermost attributes; here it is applied
to the items of sequences too. Patient numbers and UIDs are replaced by pseudonyms that follow from a secret key: files
of one patient and one study stay together, and nobody without the key can find the number by trying. The pixel data is
kept as it is, with any text that is burnt into it. What still holds a name or number of the patient is refused: an
attribute that the profile keeps, or a compressed stream (EXIF, a comment).
"""

import hmac
import logging
import re
import uuid
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from dicomanonymizer.simpledicomanonymizer import anonymize_dataset, initialize_actions
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filereader import read_dataset
from pydicom.multival import MultiValue
from pydicom.uid import UID, ExplicitVRBigEndian, ImplicitVRLittleEndian

from retina_xai.errors import InputError
from retina_xai.io.dicom.facts import PHOTOGRAPH_CLASSES, dicom_identity
from retina_xai.io.dicom.headers import DicomFile, open_dicom

PROFILE = "dicomfields_2026c"
METHOD = "PS3.15 basic profile of 2026c by dicom-anonymizer"
DIGITS = 12
NAMING = ("PatientName", "PatientID", "PatientBirthDate", "AccessionNumber")
SHORTEST = 4
"""Characters of a name or number that is looked for in what is kept; shorter ones would be found by chance."""
TEXTS = frozenset({"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"})

log = logging.getLogger(__name__)

Rule = Callable[[Dataset, Any], None]


def deidentified(path: Path, key: bytes) -> Dataset:
    """The data set of a photograph without what identifies the patient; `save_as` writes it in its transfer syntax.

    Patient number and name become a pseudonym of patient and issuer, UIDs become pseudonyms of themselves, dates become
    1 January of the year 1, private attributes are left out.

    Args:
        key: the secret from which the pseudonyms follow.

    Raises:
        InputError: the file is damaged, no photograph, or has attributes to which the profile cannot be applied.
    """
    identity = dicom_identity(path)
    with open_dicom(path, None) as file:
        made = file.dataset
        if str(made.get("SOPClassUID")) not in PHOTOGRAPH_CLASSES:
            raise InputError(f"{path}: is no photograph (Ophthalmic Photography or Secondary Capture)")
        made["PixelData"] = _pixel_data(file)
    if str(made.get("BurnedInAnnotation") or "") != "NO":
        log.warning("a photograph may hold burnt-in text, which stays in its pixels; look at it before you share it")
    names = _names(made)
    if file.length is None and any(name.encode() in bytes(made.PixelData).lower() for name in names):
        raise _named(path, "its compressed pixel data (EXIF, or a comment)")
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = file.syntax
    pseudonym = "P" + pseudonymous(identity.patient or identity.study or str(made.get("SOPInstanceUID")), key)
    try:
        _apply(made, _rules(key))
    except (NotImplementedError, TypeError, ValueError) as error:
        raise InputError(f"{path}: the profile of PS3.15 cannot be applied to an attribute; export it anew") from error
    for element in made.iterall():
        if element.VR in TEXTS and names & set(_words(str(element.value))):
            raise _named(path, f"the attribute {element.keyword or element.tag}, which the profile keeps,")
    made.PatientID = made.PatientName = pseudonym
    _mark(made)
    return made


def pseudonymous(text: str, key: bytes) -> str:
    """The first digits of the keyed hash of a number, or of the hash of a file."""
    return _digest(key, text)[:DIGITS]


def _names(header: Dataset) -> set[str]:
    """The words of the patient's name and numbers, without short ones."""
    return {word for keyword in NAMING for word in _words(str(header.get(keyword) or "")) if len(word) >= SHORTEST}


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def _named(path: Path, where: str) -> InputError:
    return InputError(f"{path}: {where} holds a name or number of the patient; export the photograph anew without")


def _pixel_data(file: DicomFile) -> Any:
    """The element of the pixel data, after a check that it is whole."""
    if file.start is None:
        raise InputError(f"{file.path}: is a DICOM file without pixel data; export the photograph again")
    stream = file.pixel_stream()
    stream.seek(file.start - (8 if file.syntax == ImplicitVRLittleEndian else 12))
    implicit, little = file.syntax == ImplicitVRLittleEndian, file.syntax != ExplicitVRBigEndian
    return read_dataset(stream, implicit, little)["PixelData"]


def _rules(key: bytes) -> dict[Any, Rule]:
    def replace_uid(dataset: Dataset, tag: Any) -> None:
        element = dataset.get(tag)
        if element is not None and element.value:
            several = isinstance(element.value, MultiValue)
            element.value = [_uid(key, one) for one in element.value] if several else _uid(key, element.value)

    rules: dict[Any, Rule] = initialize_actions(PROFILE)
    return {tag: replace_uid if rule.__name__ == "replace_UID" else rule for tag, rule in rules.items()}


def _apply(dataset: Dataset, rules: dict[Any, Rule]) -> None:
    anonymize_dataset(dataset, base_rules_gen=lambda: rules)
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                _apply(item, rules)


def _mark(made: Dataset) -> None:
    made.PatientIdentityRemoved = "YES"
    made.LongitudinalTemporalInformationModified = "REMOVED"
    made.DeidentificationMethod = f"{METHOD} {version('dicom-anonymizer')}"
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator = "113100", "DCM"
    code.CodeMeaning = "Basic Application Confidentiality Profile"
    made.DeidentificationMethodCodeSequence = [code]


def _uid(key: bytes, uid: str) -> UID:
    digest = bytes.fromhex(_digest(key, str(uid)))
    return UID(f"2.25.{uuid.UUID(bytes=digest[:16], version=5).int}")


def _digest(key: bytes, text: str) -> str:
    return hmac.new(key, text.encode(), "sha256").hexdigest()
