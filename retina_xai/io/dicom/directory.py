"""The files that a DICOMDIR lists (PS3.10, PS3.3 F)."""

from pathlib import Path

from retina_xai.errors import InputError
from retina_xai.io.dicom.headers import open_dicom


def listed_images(path: Path) -> list[Path]:
    """The files of the image records, in their order, below the folder of the DICOMDIR.

    Raises:
        InputError: no image is listed, or one that does not lie below the folder.
    """
    folder, found = path.parent.resolve(), []
    with open_dicom(path) as file:
        for record in file.dataset.get("DirectoryRecordSequence") or ():
            if record.get("DirectoryRecordType") != "IMAGE" or not (parts := record.get("ReferencedFileID")):
                continue
            parts = [parts] if isinstance(parts, str) else list(parts)
            image = path.parent.joinpath(*parts)
            if not image.resolve().is_relative_to(folder):
                raise InputError(f"{path}: lists a file that is not below its folder; name the photographs themselves")
            found.append(image)
    if not found:
        raise InputError(f"{path}: lists no images; name the photographs themselves")
    return found
