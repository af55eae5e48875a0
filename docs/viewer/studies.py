"""Draw phantoms as DICOM studies: PYTHONPATH=.:tests python docs/viewer/studies.py FOLDER.

The pictures of DICOM studies in this folder show two patients: both eyes, one with an earlier study; one file has two
frames.
"""

import sys
from pathlib import Path

import numpy as np
from helpers.dicom_files import STUDY, photograph, save_as

from retina_xai.training.phantoms.phantom import make_phantom

HEIGHT, WIDTH = 720, 900


def main(folder: str) -> None:
    """Five files."""
    place = Path(folder)

    def eye(seed: int, grade: int, right: bool) -> np.ndarray:
        pixels = make_phantom(seed, HEIGHT, WIDTH, grade).pixels
        return np.ascontiguousarray(pixels[:, ::-1] if right else pixels)

    first = {"PatientID": "1", "PatientName": "One", "PixelSpacing": [0.012, 0.012]}
    earlier = {**first, "StudyInstanceUID": f"{STUDY}.1", "AcquisitionDateTime": "20220301"}
    other = {"PatientID": "2", "PatientName": "Two", "StudyInstanceUID": f"{STUDY}.2"}
    frames = np.stack([eye(9, 0, True), eye(10, 2, True)])
    files = {
        "IM0001": photograph(eye(5, 3, True), 1, **first),
        "IM0002": photograph(eye(6, 2, False), 2, **first, ImageLaterality="L"),
        "IM0003": photograph(eye(7, 0, True), 3, **earlier),
        "IM0004": photograph(eye(8, 0, False), 4, **other, ImageLaterality="L"),
        "IM0005": photograph(frames[0], 5, **other, NumberOfFrames=2, PixelData=frames.tobytes()),
    }
    for name, made in files.items():
        save_as(place / name, made)


if __name__ == "__main__":
    main(*sys.argv[1:])
