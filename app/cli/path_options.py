"""The options that are paths. An empty one, such as an unset variable of a script, is refused: it would mean the
current folder.
"""

from pathlib import Path
from typing import Annotated

import typer


def path(text: str | Path) -> Path:
    """A path as it is (`typer` shows the name of this function in its help).

    Raises:
        typer.BadParameter: the text is empty.
    """
    if str(text) == "":
        raise typer.BadParameter("a path is empty; name a file or folder (the current folder is .)")
    return Path(text)


Paths = Annotated[list[Path], typer.Argument(parser=path, help="Photographs, or folders of them.")]
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
Images = Annotated[Path | None, typer.Option(parser=path, help="Folder of photographs (the black image needs none).")]
Data = Annotated[Path | None, typer.Option(parser=path, help="The same, as an option.")]
Out = Annotated[Path, typer.Option(parser=path, help="Folder for the results; an interrupted run in it goes on.")]
OutTable = Annotated[Path, typer.Option(parser=path, help="Table to write (CSV).")]
OutDemo = Annotated[Path, typer.Option(parser=path, help="Folder for data, weights and report.")]
