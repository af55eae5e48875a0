"""The options that are paths. An empty one, such as an unset variable of a script, is refused: it would mean the
current folder. So is an address where only a path of this machine will do.
"""

from pathlib import Path
from typing import Annotated

import typer


def path(text: str | Path) -> Path:
    """A path as it is (`typer` shows the name of this function in its help).

    Raises:
        typer.BadParameter: the text is empty, or an address.
    """
    if str(text) == "":
        raise typer.BadParameter("a path is empty; name a file or folder (the current folder is .)")
    if "://" in str(text):
        raise typer.BadParameter(f"{text}: expected a file or folder of this machine; copy it")
    return Path(text)


def path_or_url(text: str | Path) -> Path:
    """A path, or a place in an object store (see `retina_xai.io.stores`).

    Raises:
        typer.BadParameter: the text is empty, or an address that is not s3://bucket/prefix.
    """
    from retina_xai.errors import UsageError
    from retina_xai.io.stores import as_path

    try:
        return as_path(text) if "://" in str(text) else path(text)
    except UsageError as error:
        raise typer.BadParameter(str(error)) from error


STORE = "or s3://bucket/prefix"

Paths = Annotated[list[Path], typer.Argument(parser=path_or_url, help=f"Photographs, or folders of them, {STORE}.")]
Viewed = Annotated[
    list[Path] | None, typer.Argument(parser=path, help="Photographs, folders of them, or earlier results.")
]
ViewedData = Annotated[
    list[Path] | None,
    typer.Option(parser=path, help="The same, as an option; annotated data sets show markings."),
]
Results = Annotated[
    list[Path] | None,
    typer.Option(parser=path, help="Folders that localize or evaluate wrote; may be given several times."),
]
Images = Annotated[
    Path | None,
    typer.Option(parser=path_or_url, help=f"Folder of photographs, {STORE} (the black image needs none)."),
]
Data = Annotated[Path | None, typer.Option(parser=path, help="The same, as an option.")]
Out = Annotated[Path, typer.Option(parser=path, help="Folder for the results; an interrupted run in it goes on.")]
OutPlace = Annotated[
    Path,
    typer.Option(parser=path_or_url, help=f"Folder for the results, {STORE}; an interrupted run in it goes on."),
]
OutTable = Annotated[
    Path, typer.Option(parser=path_or_url, help="Table to write (CSV), also as s3://bucket/scores.csv.")
]
OutDemo = Annotated[Path, typer.Option(parser=path, help="Folder for data, weights and report.")]
