"""What a DICOM file says of its photograph: facts of the picture, identity of the patient, and kind of object."""

import logging
import math
from pathlib import Path
from typing import Any

import pydicom.uid as uids
from pydicom.dataset import Dataset

from retina_xai.errors import InputError
from retina_xai.io.decoders import Decoded
from retina_xai.io.dicom.frames import read_frame
from retina_xai.io.dicom.headers import open_dicom
from retina_xai.io.identity import Identity
from retina_xai.io.names import printable

log = logging.getLogger(__name__)

PHOTOGRAPH_CLASSES = frozenset(
    {
        uids.OphthalmicPhotography8BitImageStorage,
        uids.OphthalmicPhotography16BitImageStorage,
        uids.WideFieldOphthalmicPhotographyStereographicProjectionImageStorage,
        uids.SecondaryCaptureImageStorage,
        uids.MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
        uids.MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
        uids.MultiFrameTrueColorSecondaryCaptureImageStorage,
        uids.VLPhotographicImageStorage,
    }
)
DIRECTORY = uids.MediaStorageDirectoryStorage
OWN_DEVICE = "retina-xai"
"""What a Secondary Capture of this package has as the manufacturer of its device."""
EYES = {"R": "right", "L": "left", "B": "both"}


def read_dicom(path: Path, frame: int | None) -> Decoded:
    """Read one frame of a photograph; see `frames`.

    The facts hold no patient data. Beside those of other formats: `transfer_syntax`, `frame` if there are several,
    `eye` and `pixel_spacing_mm` (down, across) where the file has them.

    Raises:
        InputError: no photograph, no such frame, or a frame that cannot be read.
    """
    with open_dicom(path) as file:
        header = file.dataset
        _check_class(path, header)
        pixels = read_frame(file, frame)
        if str(header.get("BurnedInAnnotation") or "") == "YES":
            log.warning("a DICOM photograph holds burnt-in text, which may name the patient in pictures of results")
        facts: dict[str, Any] = {
            "mode": str(header.PhotometricInterpretation),
            "bits": int(header.BitsStored),
            "height": pixels.shape[0],
            "width": pixels.shape[1],
            "orientation": 1,
            "transfer_syntax": file.syntax.name,
        }
        if int(header.get("NumberOfFrames") or 1) > 1:
            facts["frame"] = frame or 0
        if eye := _eye(header):
            facts["eye"] = eye
        if spacing := _spacing(header):
            facts["pixel_spacing_mm"] = spacing
        return pixels, facts


def dicom_identity(path: Path) -> Identity:
    """Patient, study, eye and time; without a patient number, name and date of birth together are the patient."""
    with open_dicom(path) as file:
        header = file.dataset
        number, issuer = _text(header, "PatientID"), _text(header, "IssuerOfPatientID")
        patient = f"{number}@{issuer}" if number and issuer else number
        if not patient and (name := _text(header, "PatientName")):
            patient = f"{name} {_text(header, 'PatientBirthDate')}".strip()
        return Identity(patient, _text(header, "StudyInstanceUID"), _eye(header), _acquired(header))


def frame_count(path: Path) -> int:
    """The number of frames that the header states, at least 1."""
    with open_dicom(path) as file:
        return max(1, int(file.dataset.get("NumberOfFrames") or 1))


def class_of(path: Path) -> tuple[str, bool]:
    """The SOP class, "" if there is none, and whether the object is a picture that this package wrote."""
    with open_dicom(path) as file:
        own = _text(file.dataset, "SecondaryCaptureDeviceManufacturer") == OWN_DEVICE
        return _text(file.dataset, "SOPClassUID"), own


def _check_class(path: Path, header: Dataset) -> None:
    found = _text(header, "SOPClassUID")
    if found not in PHOTOGRAPH_CLASSES:
        said = (
            f"is a DICOM file of the class {printable(uids.UID(found).name)[:80]}"
            if found
            else "is a DICOM file without a class"
        )
        raise InputError(f"{path}: {said}, expected a photograph (Ophthalmic Photography or Secondary Capture)")


def _eye(header: Dataset) -> str:
    return EYES.get(_text(header, "ImageLaterality") or _text(header, "Laterality"), "")


def _acquired(header: Dataset) -> str:
    """YYYY-MM-DDTHH:MM:SS, or its begin, of the most exact time that the file has."""
    pairs = [("AcquisitionDate", "AcquisitionTime"), ("ContentDate", "ContentTime"), ("StudyDate", "StudyTime")]
    texts = [_text(header, "AcquisitionDateTime")]
    texts += [_text(header, day) + _text(header, time) for day, time in pairs if _text(header, day)]
    digits = next((text.partition(".")[0] for text in texts if text), "")
    if not digits[:8].isdigit() or len(digits) < 8:
        return ""
    day = f"{digits[:4]}-{digits[4:6]}-{digits[6:8]}"
    time = ":".join(digits[place : place + 2] for place in range(8, min(len(digits), 14), 2))
    return f"{day}T{time}" if time else day


def _spacing(header: Dataset) -> list[float]:
    """Millimetres on the retina between pixel centres, down and across; empty where the file has none."""
    try:
        values = [float(value) for value in header.get("PixelSpacing") or ()]
    except (TypeError, ValueError):
        return []
    return values if len(values) == 2 and all(math.isfinite(value) and value > 0 for value in values) else []


def _text(header: Dataset, keyword: str) -> str:
    value = header.get(keyword)
    return "" if value is None else str(value).strip()
