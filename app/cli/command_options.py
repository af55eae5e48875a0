"""Options that several commands share."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from retina_xai.evaluation.experiments.registry import EXPERIMENTS
from retina_xai.explainers.registry import FUNDUS_METHODS


class Device(StrEnum):
    """Where to compute."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


Weights = Annotated[Path | None, typer.Option(help="Weights (safetensors); those of the package by default.")]
Method = Annotated[
    str,
    typer.Option(
        "--method",
        "--protocol",
        help=f"retina (the protocol of this package), fgvis (that of the paper), or one to compare with them: "
        f"{', '.join(key for key in FUNDUS_METHODS if key not in ('retina', 'fgvis'))}.",
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="A setting of the method, such as masks=8000 or game.iterations=40; may be given several times.",
    ),
]
OnDevice = Annotated[Device, typer.Option(help="A GPU where there is one, by default.")]
MODEL = "A torchvision classification network by name, or your own as package.module:factory."
EXPERIMENT = "One of: " + ", ".join(f"{spec.key} ({spec.source})" for spec in EXPERIMENTS.values()) + "."
FILE = "Weights (safetensors or torch state file); by default torchvision's own, downloaded, or the factory's."
SCORE = "softmax (default), sigmoid (one-logit and multi-label heads) or logit; also those of the trust block."
Game = Annotated[list[str] | None, typer.Option(help="preservation, generation, deletion or repression.")]
Lam = Annotated[list[float] | None, typer.Option(help="Weight of the mask's sum; several are searched, or shown.")]
Lr = Annotated[list[float] | None, typer.Option(help="Step of the games, in mask units.")]
Iterations = Annotated[list[int] | None, typer.Option(help="Most steps of a game.")]
