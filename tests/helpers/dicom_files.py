"""DICOM files for tests: photographs of a planted patient in any transfer syntax."""

import io
from pathlib import Path

import imagecodecs
import numpy as np
import pydicom.uid as uids
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels import get_encoder

PATIENT_NAME = "Quixley^Ottoline"
PATIENT_NUMBER = "QX195603"
BIRTH_DATE = "19560304"
SECRETS = ("Quixley", "Ottoline", PATIENT_NUMBER, BIRTH_DATE, "Fairweather", "ACC77123")
"""Texts of `photograph` that identify the patient."""

STUDY = "1.2.826.0.1.3680043.8.498.77000001"


def photograph(pixels: np.ndarray, number: int = 1, **attributes: object) -> Dataset:
    """An Ophthalmic Photography 8 Bit image of pixels (H, W, 3) uint8, native, of the planted patient."""
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = uids.ExplicitVRLittleEndian
    made.SpecificCharacterSet = "ISO_IR 192"
    made.SOPClassUID = uids.OphthalmicPhotography8BitImageStorage
    made.SOPInstanceUID = f"{STUDY}.2.{number}"
    made.StudyInstanceUID, made.SeriesInstanceUID = STUDY, f"{STUDY}.1"
    made.FrameOfReferenceUID = None
    made.Modality, made.Manufacturer, made.SynchronizationTrigger = "OP", "Camera Company", "NO TRIGGER"
    made.PatientName, made.PatientID, made.PatientBirthDate, made.PatientSex = (
        *(PATIENT_NAME, PATIENT_NUMBER, BIRTH_DATE),
        "F",
    )
    made.ReferringPhysicianName, made.AccessionNumber, made.StudyID = "Fairweather^Dr", "ACC77123", "1"
    made.StudyDate, made.StudyTime = "20240229", "101500"
    made.ContentDate, made.ContentTime, made.AcquisitionDateTime = "20240229", "101501", "20240229101502.5"
    made.SeriesNumber, made.InstanceNumber, made.PatientOrientation = 1, number, ["L", "F"]
    made.ImageType, made.ImageLaterality, made.BurnedInAnnotation = ["ORIGINAL", "PRIMARY"], "R", "NO"
    made.PixelSpacing, made.LossyImageCompression, made.PresentationLUTShape = [0.01, 0.01], "00", "IDENTITY"
    made.update(_pixels(pixels))
    for name, value in attributes.items():
        if value is None and name in made:
            del made[name]
        else:
            setattr(made, name, value)
    return made


def _pixels(pixels: np.ndarray) -> Dataset:
    """The attributes of pixels (H, W) or (H, W, 3)."""
    held = Dataset()
    held.Rows, held.Columns = pixels.shape[:2]
    held.SamplesPerPixel = 1 if pixels.ndim == 2 else 3
    held.PhotometricInterpretation = "MONOCHROME2" if pixels.ndim == 2 else "RGB"
    if pixels.ndim == 3:
        held.PlanarConfiguration = 0
    held.BitsAllocated = held.BitsStored = 8 * pixels.dtype.itemsize
    held.HighBit, held.PixelRepresentation = held.BitsStored - 1, 0
    held.PixelData = pixels.tobytes()
    held["PixelData"].VR = "OW" if pixels.dtype.itemsize == 2 else "OB"
    return held


def content(made: Dataset, syntax: str = uids.ExplicitVRLittleEndian) -> bytes:
    """The file of a data set whose pixel data fits the syntax."""
    made.file_meta.TransferSyntaxUID = uids.UID(syntax)
    implicit, little = syntax == uids.ImplicitVRLittleEndian, syntax != uids.ExplicitVRBigEndian
    stream = io.BytesIO()
    made.save_as(stream, implicit_vr=implicit, little_endian=little, enforce_file_format=True)
    return stream.getvalue()


def encapsulated(made: Dataset, *streams: bytes) -> Dataset:
    """The data set with compressed frames."""
    made.PixelData = encapsulate(list(streams))
    made["PixelData"].VR = "OB"
    made["PixelData"].is_undefined_length = True
    return made


def jpeg(pixels: np.ndarray, quality: int = 95, subsampling: int = 0) -> bytes:
    """A baseline JPEG: YCbCr with a JFIF header."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=quality, subsampling=subsampling)
    return stream.getvalue()


def _by_pydicom(made: Dataset, syntax: str) -> Dataset:
    frame = np.frombuffer(made.PixelData, f"u{made.BitsAllocated // 8}")
    shape = (made.Rows, made.Columns, made.SamplesPerPixel)[: 2 if made.SamplesPerPixel == 1 else 3]
    options = {name: getattr(made, _KEYWORDS[name]) for name in _KEYWORDS if _KEYWORDS[name] in made}
    return encapsulated(made, get_encoder(syntax).encode(frame.reshape(shape), **options, number_of_frames=1))


_KEYWORDS = {
    "rows": "Rows",
    "columns": "Columns",
    "samples_per_pixel": "SamplesPerPixel",
    "bits_allocated": "BitsAllocated",
    "bits_stored": "BitsStored",
    "pixel_representation": "PixelRepresentation",
    "photometric_interpretation": "PhotometricInterpretation",
    "planar_configuration": "PlanarConfiguration",
}


def _baseline(made: Dataset, _: str) -> Dataset:
    pixels = np.frombuffer(made.PixelData, np.uint8).reshape(made.Rows, made.Columns, 3)
    made.PhotometricInterpretation, made.LossyImageCompression = "YBR_FULL", "01"
    made.LossyImageCompressionRatio, made.LossyImageCompressionMethod = "5", "ISO_10918_1"
    return encapsulated(made, jpeg(pixels))


def _lossless(made: Dataset, _: str) -> Dataset:
    pixels = np.frombuffer(made.PixelData, np.uint8).reshape(made.Rows, made.Columns, 3)
    return encapsulated(
        made, imagecodecs.jpeg8_encode(pixels, lossless=True, predictor=1, colorspace="RGB", outcolorspace="RGB")
    )


NATIVE = {
    "implicit": uids.ImplicitVRLittleEndian,
    "explicit": uids.ExplicitVRLittleEndian,
    "big endian": uids.ExplicitVRBigEndian,
    "deflated": uids.DeflatedExplicitVRLittleEndian,
}
COMPRESSED = {
    "RLE": (uids.RLELossless, _by_pydicom),
    "JPEG": (uids.JPEGBaseline8Bit, _baseline),
    "JPEG lossless": (uids.JPEGLosslessSV1, _lossless),
    "JPEG-LS": (uids.JPEGLSLossless, _by_pydicom),
    "JPEG 2000": (uids.JPEG2000Lossless, _by_pydicom),
}
SYNTAXES = (*NATIVE, *COMPRESSED)


def content_as(made: Dataset, kind: str) -> bytes:
    """The file of a data set with native pixels, in one of `SYNTAXES`."""
    if kind in NATIVE:
        return content(made, NATIVE[kind])
    syntax, compress = COMPRESSED[kind]
    return content(compress(made, syntax), syntax)


def save_as(path: Path, made: Dataset, kind: str = "explicit") -> Path:
    """Write what `content_as` makes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content_as(made, kind))
    return path
