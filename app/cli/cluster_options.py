"""The options that say where a batch is computed."""

from typing import Annotated

import typer

Workers = Annotated[
    int | None,
    typer.Option(
        min=0,
        help="Compute in so many processes of this machine; 0: one per GPU, or per core. Needs the extra 'cluster'.",
    ),
]
Scheduler = Annotated[
    str | None,
    typer.Option(metavar="ADDRESS", help="Compute on the workers of this Dask scheduler, such as tcp://10.0.0.1:8786."),
]
