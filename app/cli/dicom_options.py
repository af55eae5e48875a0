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
Fhir = Annotated[
    bool, typer.Option("--fhir", help="Also write the results as FHIR resources (DiagnosticReport, Observation).")
]
Dicom = Annotated[
    bool,
    typer.Option(
        "--dicom",
        help="Also write the results of DICOM photographs as DICOM objects: segmentations, structured report, overlay, "
        "presentation state, PDF report.",
    ),
]
