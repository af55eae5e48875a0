"""Every annotated data set that this package reads.

The sub-commands of `evaluate`, `check-data`, the viewer and the report take their names and descriptions from here.
Where a folder fits several entries, the first one counts.
"""

from pathlib import Path

from retina_xai.errors import InputError
from retina_xai.evaluation.datasets.base import DatasetSpec
from retina_xai.evaluation.datasets.diaretdb1 import DIARETDB1
from retina_xai.evaluation.datasets.masks_folder import MASKS_FOLDER

DATASETS: dict[str, DatasetSpec] = {
    "diaretdb1": DIARETDB1,
    "masks-folder": MASKS_FOLDER,
}


def detect_dataset(folder: Path) -> DatasetSpec | None:
    """The data set that lies in a folder or directly below it, or None."""
    if not folder.is_dir():
        return None
    return next((spec for spec in DATASETS.values() if spec.detect(folder)), None)


def dataset_in(folder: Path) -> DatasetSpec:
    """As `detect_dataset`.

    Raises:
        InputError: there is no such folder, or no data set in it.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; check the path")
    spec = detect_dataset(folder)
    if spec is None:
        known = "; ".join(f"{one.title} ({one.layout})" for one in DATASETS.values())
        raise InputError(f"{folder}: no data set found; expected one of: {known}")
    return spec
