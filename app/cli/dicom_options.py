"""The options about photographs as DICOM files."""

from typing import Annotated

import typer

Frame = Annotated[
    int | None, typer.Option(min=0, help="Frame of DICOM files, or page of TIFF files, with several; from 0.")
]
Identified = Annotated[
    bool,
    typer.Option(
        "--identified", help="Keep names of DICOM files and identities of patients in the results; removed by default."
    ),
]
