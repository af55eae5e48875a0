"""The photograph that results reference: a copy of its header of what results need, and no more.

Without identified results the copy names nobody: names, numbers, sex, birth date, dates and times are empty. The UIDs
stay (PS3.15 E.3.9, Retain UIDs Option), because the results could not reference their photograph otherwise.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import highdicom
from pydicom.dataset import Dataset

from retina_xai import __version__
from retina_xai.errors import InputError
from retina_xai.fundus.preprocessing import FundusImage
from retina_xai.fundus.retinal_scale import RetinalScale, retinal_scale
from retina_xai.io.dicom.headers import open_dicom
from retina_xai.localization import Localization

DEVICE = "retina-xai"
UIDS = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
IDENTIFYING = (
    *("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID", "StudyDate"),
    *("StudyTime", "ReferringPhysicianName"),
)
KEPT = (
    *("SOPInstanceUID", "SeriesInstanceUID", "ImageLaterality", "PatientOrientation", "PixelSpacing"),
    "PhotometricInterpretation",
)
REFERENCES = ("SourceImageSequence", "ReferencedSOPSequence", "SourceInstanceSequence", "ReferencedImageSequence")


@dataclass(frozen=True, eq=False)
class PhotographSource:
    """What all objects of one photograph are made of.

    header: the copy. fundus: the photograph. run: `records.run_facts`. identified: whether the copy holds the patient's
    data.
    """

    header: Dataset
    fundus: FundusImage
    run: dict[str, Any]
    identified: bool

    @property
    def scale(self) -> RetinalScale | None:
        """Millimetres or disc diameters per pixel; None where neither is known."""
        return retinal_scale(self.fundus.photograph, self.fundus.aperture)

    @property
    def frame(self) -> int | None:
        """The number of the frame from 1, of a photograph with several."""
        frame = self.fundus.photograph.metadata.get("frame")
        return None if frame is None else frame + 1

    @property
    def weights(self) -> str:
        """The SHA-256 of the weights."""
        return str(self.run["model"]["sha256"])

    def equipment(self, number: int) -> dict[str, Any]:
        """Arguments of highdicom's classes: the series of the object, `number` of the kind, and the device."""
        return {
            "series_instance_uid": highdicom.UID(),
            "series_number": 900 + number,
            "sop_instance_uid": highdicom.UID(),
            "instance_number": 1,
            "manufacturer": DEVICE,
        }

    def device(self) -> dict[str, Any]:
        """Model, version and the hash of the weights as the device's serial number."""
        return {
            "manufacturer_model_name": f"{DEVICE} {self.run['method']['name']}",
            "software_versions": __version__,
            "device_serial_number": self.weights,
        }


@dataclass(frozen=True, eq=False)
class ResultSource(PhotographSource):
    """With what the algorithm found."""

    localization: Localization


def result_source(path: Path, localization: Localization, run: dict[str, Any], identified: bool) -> ResultSource:
    """The source of a photograph's results.

    Raises:
        InputError: as `photograph_source`.
    """
    plain = photograph_source(path, localization.fundus, run, identified)
    return ResultSource(plain.header, plain.fundus, run, identified, localization)


def photograph_source(path: Path, fundus: FundusImage, run: dict[str, Any], identified: bool) -> PhotographSource:
    """The source of what a reader says of a photograph.

    Raises:
        InputError: the file has no UIDs, which results would reference.
    """
    with open_dicom(path, (*KEPT, *IDENTIFYING)) as file:
        found = file.dataset
        if missing := [name for name in UIDS if not found.get(name)]:
            raise InputError(f"{path}: has no {missing[0]}, so no DICOM result can reference it; export it again")
        header = Dataset()
        header.SpecificCharacterSet = "ISO_IR 192"
        for name in (*UIDS, *KEPT):
            if found.get(name):
                setattr(header, name, found[name].value)
        for name in IDENTIFYING:
            setattr(header, name, found.get(name, "") if identified else "")
    header.Rows, header.Columns = fundus.photograph.pixels.shape[:2]
    return PhotographSource(header, fundus, run, identified)


def finished(made: Dataset, source: PhotographSource) -> Dataset:
    """An object with the frame that it is about, the orientation, and the mark of de-identification."""
    if "Rows" in made:
        made.PatientOrientation = source.header.get("PatientOrientation") or ["L", "F"]
    if source.header.get("ImageLaterality") and "Rows" in made:
        made.ImageLaterality = source.header.ImageLaterality
        made.pop("Laterality", None)
    made.PatientIdentityRemoved = "NO" if source.identified else "YES"
    if not source.identified:
        made.DeidentificationMethod = "names, numbers, dates of the patient left out; UIDs retained"
    if source.frame is not None:
        _name_frame(made, source)
    return made


def reference_to(source: PhotographSource) -> Dataset:
    """An item that references the photograph."""
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = source.header.SOPClassUID, source.header.SOPInstanceUID
    return item


def _name_frame(made: Dataset, source: PhotographSource) -> None:
    for element in made.iterall():
        if element.keyword in REFERENCES:
            for item in element.value:
                if item.get("ReferencedSOPInstanceUID") == source.header.SOPInstanceUID:
                    item.ReferencedFrameNumber = source.frame
