"""One frame of a DICOM file as RGB uint8.

Everything that the header says of the frame is checked before a pixel is decoded: size, samples, bits, the length of
native pixel data, and the size in the header of a compressed frame, which must be the same. Conversions:

    JPEG of 8 bit      by simplejpeg, as JPEG files, also lossless: corrupt data is an error, which others ignore
    other compression  by pydicom with its plugins (pylibjpeg, pyjpegls)
    RGB, YBR_*         RGB; what a codestream says of its own colours counts more than the header
    PALETTE COLOR      through its tables
    MONOCHROME1        inverted: 0 is white
    9-16 bits          round(v * 255 / (2^bits - 1)), as in other formats

Windows, rescaling, presentation tables and colour profiles are not applied: networks are trained on stored values.
"""

from pathlib import Path
from typing import Any

import numpy as np
import simplejpeg
from pydicom.dataset import Dataset
from pydicom.encaps import get_frame
from pydicom.pixels.decoders.base import Decoder, get_decoder
from pydicom.pixels.processing import apply_color_lut, convert_color_space
from pydicom.uid import (
    JPEG2000TransferSyntaxes,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    RLELossless,
)

from retina_xai.errors import InputError
from retina_xai.io.decoders import check_bytes, check_size, to_8_bit
from retina_xai.io.dicom.codestreams import FrameSize, frame_size
from retina_xai.io.dicom.headers import COLOURS, DicomFile
from retina_xai.io.names import printable

LOSSLESS = (JPEGLossless, JPEGLosslessSV1)
JPEG_SYNTAXES = (JPEGBaseline8Bit, JPEGExtended12Bit, *LOSSLESS)
END = b"\xff\xd9"
"""The last marker of every codestream."""
GREY = ("MONOCHROME1", "MONOCHROME2")
PALETTE = "PALETTE COLOR"
SUBSAMPLED = "YBR_FULL_422"
COLOUR = ("RGB", "YBR_FULL", SUBSAMPLED, "YBR_ICT", "YBR_RCT")
GPL_EXTRA = "dicom-gpl"
"""The extra with the decoder of JPEG of more than 8 bits, whose licence is GPL 3."""

PREFERRED = ("pyjpegls", "pylibjpeg", "pydicom")
"""Plugins of pydicom, those first that notice damage; Pillow is not used."""
NO_COLOUR_TRANSFORM = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00"
"""Adobe's marker in a JPEG whose three components are RGB."""


def read_frame(file: DicomFile, frame: int | None) -> np.ndarray:
    """One frame, RGB uint8 (H, W, 3); `frame` from 0, None for the only one.

    Raises:
        InputError: no such frame, several without a choice, an unsupported kind, damage, or a missing plugin.
    """
    path, header = file.path, file.dataset
    layout = _layout(path, header)
    index = _frame_number(path, header, frame)
    if file.start is None:
        raise InputError(f"{path}: is a DICOM file without pixel data; export the photograph again")
    if file.length is None:
        samples, photometric = _compressed(file, layout, index)
    else:
        samples, photometric = _native(file, layout, index)
    return _rgb(path, header, samples, photometric)


def _layout(path: Path, header: Dataset) -> FrameSize:
    """The size that the header says, checked."""
    size = FrameSize(*(int(header.get(name) or 0) for name in ("Rows", "Columns", "SamplesPerPixel", "BitsStored")))
    check_size(path, size.height, size.width)
    allocated, photometric = int(header.get("BitsAllocated") or 0), _photometric(header)
    if allocated not in (8, 16) or not 1 <= size.bits <= allocated:
        raise InputError(
            f"{path}: {size.bits} of {allocated} bits per sample cannot be read, expected 8 or 16; export it again"
        )
    if int(header.get("PixelRepresentation") or 0) != 0:
        raise InputError(f"{path}: signed samples cannot be read; export the photograph with unsigned ones")
    expected = 3 if photometric in COLOUR else 1 if photometric in (*GREY, PALETTE) else None
    if expected is None:
        raise InputError(
            f"{path}: colours of the kind {printable(photometric)[:20]} cannot be read; export the photograph as RGB"
        )
    if size.components != expected:
        raise InputError(
            f"{path}: is {photometric} with {size.components} sample(s) per pixel, expected {expected}; export it again"
        )
    if photometric == PALETTE and not all(f"{colour}PaletteColorLookupTableData" in header for colour in COLOURS):
        raise InputError(f"{path}: its palette has no plain tables; export the photograph as RGB")
    check_bytes(path, size.height * size.width * size.components * allocated // 8, "its samples take")
    return size


def _photometric(header: Dataset) -> str:
    return str(header.get("PhotometricInterpretation") or "no photometric interpretation")


def _frame_number(path: Path, header: Dataset, frame: int | None) -> int:
    frames = max(1, int(header.get("NumberOfFrames") or 1))
    if frame is None and frames > 1:
        raise InputError(f"{path}: has {frames} frames and none was chosen; choose one, or save it as a separate file")
    if frame is not None and not 0 <= frame < frames:
        raise InputError(f"{path}: has no frame {frame}; choose one from 0 to {frames - 1}")
    return frame or 0


def _native(file: DicomFile, size: FrameSize, index: int) -> tuple[np.ndarray, str]:
    header, path = file.dataset, file.path
    samples = size.height * size.width * size.components
    if _photometric(header) == SUBSAMPLED:
        samples = samples // 3 * 2
    frames = max(1, int(header.get("NumberOfFrames") or 1))
    expected = samples * int(header.BitsAllocated) // 8 * frames
    if file.length not in (expected, expected + expected % 2):
        raise InputError(
            f"{path}: its header says {size.width}x{size.height}, which is {expected} bytes of pixel data, "
            f"but it has {file.length}; copy or export it again"
        )
    return _by_pydicom(file, _decoder(file), index)


def _compressed(file: DicomFile, size: FrameSize, index: int) -> tuple[np.ndarray, str]:
    """Decode an encapsulated frame."""
    path, header = file.path, file.dataset
    decoder = None if file.syntax in JPEG_SYNTAXES else _decoder(file)
    if decoder and not decoder.UID.is_encapsulated:
        raise InputError(f"{path}: damaged DICOM file, its pixel data has no length; copy or export it again")
    if decoder and RLELossless == decoder.UID:  # has no size of its own; the decoder checks the length
        return _by_pydicom(file, decoder, index)
    frames = max(1, int(header.get("NumberOfFrames") or 1))
    stream = get_frame(file.pixel_stream(), index, number_of_frames=frames, extended_offsets=_offsets(header))
    bits = _check_frame(file, size, stream, index)
    if decoder is None and bits == 8:
        return _jpeg(stream, _photometric(header), file.syntax in LOSSLESS)
    decoded = size.height * size.width * size.components * (4 if file.syntax in JPEG2000TransferSyntaxes else 2)
    check_bytes(path, decoded, "decoding it takes")
    return _by_pydicom(file, decoder or _decoder(file), index)


def _check_frame(file: DicomFile, size: FrameSize, stream: bytes, index: int) -> int:
    """The bits per sample in the header of a codestream, whose size must be that of the file's header."""
    found = frame_size(stream)
    if found is None or not stream.rstrip(b"\0").endswith(END):
        raise InputError(
            f"{file.path}: damaged DICOM file, frame {index} is no whole {file.syntax.name}; export it again"
        )
    if found[:3] != size[:3] or found.bits > int(file.dataset.BitsAllocated):
        raise InputError(
            f"{file.path}: its header says {size.width}x{size.height} with {size.components} sample(s) per pixel, but "
            f"the frame in it is {found.width}x{found.height} with {found.components}; copy or export it again"
        )
    return found.bits


def _jpeg(stream: bytes, photometric: str, lossless: bool) -> tuple[np.ndarray, str]:
    """Decode 8-bit JPEG. Lossless ones are stored as the header says, others are YCbCr unless they say otherwise."""
    if photometric in (*GREY, PALETTE):
        return simplejpeg.decode_jpeg(stream, "GRAY", strict=True)[..., 0], photometric
    marked = b"JFIF\0" in stream[:40] or b"Adobe" in stream[:4096]
    if not marked and (lossless or photometric == "RGB"):
        stream = stream[:2] + NO_COLOUR_TRANSFORM + stream[2:]
    pixels = simplejpeg.decode_jpeg(stream, "RGB", strict=True)
    return pixels, "YBR_FULL" if lossless and photometric.startswith("YBR") else "RGB"


def _decoder(file: DicomFile) -> Decoder:
    """pydicom's decoder of the file's transfer syntax.

    Raises:
        InputError: there is none, or its plugins are not installed; the message names them.
    """
    name = f"transfer syntax {printable(file.syntax.name)[:100]}"
    try:
        decoder = get_decoder(file.syntax)
    except NotImplementedError as error:
        raise InputError(f"{file.path}: {name} cannot be read; export the photograph as PNG or TIFF") from error
    if decoder.UID.is_encapsulated and not _plugin(decoder):
        needed = [text for text in decoder.missing_dependencies if text.startswith(PREFERRED)] or ["pylibjpeg"]
        extra = GPL_EXTRA if file.syntax in JPEG_SYNTAXES else "dicom"
        raise InputError(
            f"{file.path}: {name} needs a plugin that is not installed ({needed[0]}); pip install 'retina-xai[{extra}]'"
        )
    return decoder


def _plugin(decoder: Decoder) -> str:
    return next((name for name in PREFERRED if name in decoder.available_plugins), "")


def _by_pydicom(file: DicomFile, decoder: Decoder, index: int) -> tuple[np.ndarray, str]:
    header = file.dataset
    options: dict[str, Any] = {
        "rows": int(header.Rows),
        "columns": int(header.Columns),
        "samples_per_pixel": int(header.SamplesPerPixel),
        "bits_allocated": int(header.BitsAllocated),
        "bits_stored": int(header.BitsStored),
        "number_of_frames": max(1, int(header.get("NumberOfFrames") or 1)),
        "photometric_interpretation": _photometric(header),
        "pixel_representation": 0,
        "pixel_keyword": "PixelData",
    }
    if options["samples_per_pixel"] > 1:
        options["planar_configuration"] = int(header.get("PlanarConfiguration") or 0)
    if offsets := _offsets(header):
        options["extended_offsets"] = offsets
    plugin = _plugin(decoder) if decoder.UID.is_encapsulated else ""
    samples, said = decoder.as_array(file.pixel_stream(), index=index, decoding_plugin=plugin, **options)
    return samples, str(said["photometric_interpretation"])


def _offsets(header: Dataset) -> tuple[bytes, bytes] | None:
    if "ExtendedOffsetTable" not in header or "ExtendedOffsetTableLengths" not in header:
        return None
    return header.ExtendedOffsetTable, header.ExtendedOffsetTableLengths


def _rgb(path: Path, header: Dataset, samples: np.ndarray, photometric: str) -> np.ndarray:
    """RGB uint8 of decoded samples (H, W) or (H, W, 3)."""
    bits = int(header.BitsStored)
    if photometric == "YBR_FULL":
        samples, photometric = convert_color_space(samples, photometric, "RGB"), "RGB"
    if photometric == PALETTE:
        samples = np.asarray(apply_color_lut(samples, header))
        photometric, bits = "RGB", 8 * samples.dtype.itemsize
    if photometric not in ("RGB", *GREY) or samples.ndim != (2 if photometric in GREY else 3):
        raise InputError(
            f"{path}: colours of the kind {printable(photometric)[:20]} cannot be read; export the photograph as RGB"
        )
    samples = samples & np.array(2**bits - 1, samples.dtype)  # what lies above may hold overlays
    if bits < 8:
        samples = (samples.astype(np.uint16) * 255 // (2**bits - 1)).astype(np.uint8)
    values = to_8_bit(path, samples, bits)
    if photometric == "MONOCHROME1":
        values = 255 - values
    return np.ascontiguousarray(np.repeat(values[..., None], 3, axis=2) if values.ndim == 2 else values)
