"""The options that name labels, shared by `train` and `evaluate grades`, and the eyes of `localize`."""

from pathlib import Path
from typing import Annotated

import typer

from retina_xai.app.cli import path_options

LAYOUTS = "Folder of photographs: EyePACS or IDRiD layout, with --labels, or sub-folders named by label"
Folders = Annotated[list[Path], typer.Option(parser=path_options.path, help=f"{LAYOUTS}. Repeatable.")]
AnyFolders = Annotated[
    list[Path],
    typer.Option(
        parser=path_options.path_or_url, help=f"{LAYOUTS}, {path_options.STORE}, of which a copy is made. Repeatable."
    ),
]
Table = Annotated[Path | None, typer.Option("--labels", help="Your own table of labels (CSV with a header).")]
ImageColumn = Annotated[
    str | None, typer.Option(help="Column of --labels with the image names (with or without suffix); default: image.")
]
LabelColumn = Annotated[str | None, typer.Option(help="Column of --labels with the labels; default: label.")]
PatientColumn = Annotated[str | None, typer.Option(help="Column of --labels with the patients.")]
PatientPattern = Annotated[
    str | None,
    typer.Option(help="Regular expression of the image name; its first group is the patient, as in '(\\d+)_.*'."),
]
EyePattern = Annotated[
    str | None,
    typer.Option(
        help="Regular expression of the file name; its first group is the eye. Default: the name up to left, right, "
        "OD, OS, OI, L or R; any other name is an eye of its own."
    ),
]
Positive = Annotated[
    str | None, typer.Option(help="Positive labels, as in 2-4 or NPDR,PDR; default: 2-4 (referable grades).")
]
Unknown = Annotated[
    str | None, typer.Option(help="Labels that mean 'not graded'; such photographs are left out; default: -.")
]
