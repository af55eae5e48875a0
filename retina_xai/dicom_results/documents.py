"""The overlay as a Secondary Capture, and a report as an Encapsulated PDF."""

from datetime import datetime

import highdicom
import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import EncapsulatedPDFStorage, ExplicitVRLittleEndian

from retina_xai.dicom_results.sources import ResultSource, finished, reference_to
from retina_xai.drawing import overlay
from retina_xai.io.dicom.facts import OWN_DEVICE

TITLE = "Findings of an algorithm on a fundus photograph"


def overlay_capture(source: ResultSource) -> Dataset:
    """The evidence drawn over the photograph, RGB."""
    pixels = overlay(source.localization.fundus.photograph.pixels, source.localization.evidence)
    made = highdicom.sc.SCImage.from_ref_dataset(
        source.header,
        np.ascontiguousarray(pixels),
        "RGB",
        8,
        "PATIENT",
        patient_orientation=source.header.get("PatientOrientation") or ("L", "F"),
        laterality=source.header.get("ImageLaterality") or None,
        transfer_syntax_uid=ExplicitVRLittleEndian,
        **source.equipment(3),
    )
    made.ImageType = ["DERIVED", "SECONDARY"]
    made.ConversionType, made.SecondaryCaptureDeviceManufacturer = "WSD", OWN_DEVICE
    made.SourceImageSequence = [reference_to(source)]
    made.SeriesDescription = "Evidence over the photograph"
    made.BurnedInAnnotation = "NO"
    return finished(made, source)


def encapsulated_pdf(source: ResultSource, content: bytes, made_at: datetime) -> Dataset:
    """A PDF as a DICOM object (PS3.3 A.45.1)."""
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    for element in source.header:
        if element.keyword in _PATIENT_AND_STUDY:
            made.add(element)
    series = source.equipment(5)
    made.SOPClassUID, made.SOPInstanceUID = EncapsulatedPDFStorage, series["sop_instance_uid"]
    made.SeriesInstanceUID, made.SeriesNumber = series["series_instance_uid"], series["series_number"]
    made.Modality, made.ConversionType, made.InstanceNumber = "DOC", "WSD", 1
    made.SeriesDescription, made.DocumentTitle = "Report", TITLE
    made.Manufacturer = series["manufacturer"]
    device = source.device()
    made.ManufacturerModelName, made.SoftwareVersions = device["manufacturer_model_name"], device["software_versions"]
    made.DeviceSerialNumber = device["device_serial_number"]
    made.ContentDate, made.ContentTime = made_at.strftime("%Y%m%d"), made_at.strftime("%H%M%S")
    made.AcquisitionDateTime, made.BurnedInAnnotation = "", "YES" if source.identified else "NO"
    made.ConceptNameCodeSequence, made.SourceInstanceSequence = [], [reference_to(source)]
    made.MIMETypeOfEncapsulatedDocument = "application/pdf"
    made.EncapsulatedDocument = content + b"\0" * (len(content) % 2)
    made.EncapsulatedDocumentLength = len(content)
    return finished(made, source)


_PATIENT_AND_STUDY = frozenset(
    {
        *("SpecificCharacterSet", "PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber"),
        *("StudyID", "StudyDate", "StudyTime", "ReferringPhysicianName", "StudyInstanceUID"),
    }
)
