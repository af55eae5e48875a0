"""Settings of a training, read from TOML and checked before the training starts.

The defaults are the o_O team's recipe (Kaggle diabetic retinopathy detection, 2015;
github.com/sveitser/kaggle_diabetic) with a newer optimiser (our choice): AdamW with linear warm-up and cosine decay
needs tens of epochs instead of 250, and one learning rate works for different widths, input sizes and batch sizes.
`optimiser.name = "sgd"` selects the published optimiser: Nesterov 0.9, L2 5e-4, learning rate 0.003, divided by 10
after 150 and 220 of 250 epochs (as shares of a stage).
"""

import json
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from retina_xai.errors import InputError, UsageError
from retina_xai.fundus.preprocessing import Preprocessing
from retina_xai.grades.options import LabelOptions

MAX_COUNT, MAX_SEED, MAX_RATE = 10**8, 2**63 - 1, 1000.0
"""Far above every useful value; beyond them arrays, generators and optimisers overflow."""

MAX_DOTS = 1000
"""In one line; the time and memory of tomllib grow with the square of the parts of a name."""


def _usable(path: Path) -> Path:
    if "\0" in str(path):
        raise ValueError("a path cannot hold a NUL character")
    return path


def _above_zero(weights: tuple[float, ...]) -> tuple[float, ...]:
    if sum(weights) <= 0:
        raise ValueError(f"{weights}: expected at least one weight above 0")
    return weights


Positive = Annotated[int, Field(gt=0, le=MAX_COUNT)]
Seed = Annotated[int, Field(ge=0, le=MAX_SEED)]
Rate = Annotated[float, Field(gt=0, le=MAX_RATE)]
Share = Annotated[float, Field(ge=0, le=1)]
Finite = Annotated[float, Field(ge=-1e6, le=1e6)]
Triple = tuple[Finite, Finite, Finite]
Weight = Annotated[float, Field(ge=0, le=1e6)]
GradeWeights = Annotated[tuple[Weight, ...], Field(min_length=5, max_length=5), AfterValidator(_above_zero)]
UsablePath = Annotated[Path, AfterValidator(_usable)]


class Section(BaseModel):
    """Base of every section: frozen; an unknown key is an error, and so is a number that is not finite."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class NetworkSettings(Section):
    """The network: a key of `retina_xai.models.rdr.ARCHITECTURES`, its width, and `start`, weights to start from."""

    architecture: str = "rdr5x5"
    width: float = Field(default=1.0, gt=0, le=8)
    start: UsablePath | None = None


class DataSettings(Section):
    """Labels, the split by patient, and the cache of prepared photographs.

    The fields up to `usage` are those of `LabelOptions`. `folds` and `fold`: the validation set is fold `fold` of
    `folds` (5 gives 80/20). Patients are shuffled by `split_seed`, not by the seed of the training, so that trainings
    with different seeds have the same validation set. `test_fold`: a fold that is neither learned from nor validated
    on, but scored at the end (scores.csv). `split`: a split.csv to use instead. `cache`: folder of prepared
    photographs; default: OUT/cache.
    """

    positive: str = LabelOptions.positive
    unknown: str = LabelOptions.unknown
    table: UsablePath | None = None
    image_column: str = LabelOptions.image_column
    label_column: str = LabelOptions.label_column
    patient_column: str | None = None
    patient_pattern: str | None = None
    labels: tuple[Literal["train", "test"], ...] = ("train", "test")
    usage: Literal["all", "Public", "Private"] = "all"
    folds: int = Field(default=5, ge=2)
    fold: int = Field(default=0, ge=0)
    test_fold: int | None = Field(default=None, ge=0)
    split_seed: Seed = 0
    split: UsablePath | None = None
    cache: UsablePath | None = None
    drop_ungradable: bool = False

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.fold >= self.folds:
            raise ValueError(f"fold {self.fold} of {self.folds}: folds are counted from 0")
        if self.test_fold is not None and (self.test_fold >= self.folds or self.test_fold == self.fold):
            raise ValueError(f"test_fold {self.test_fold}: give another fold than {self.fold}, below {self.folds}")
        if self.test_fold is not None and self.folds < 3:
            raise ValueError("test_fold: give at least 3 folds, so that one is left to learn from")
        self.options()
        return self

    def options(self) -> LabelOptions:
        """The options for reading labels."""
        return LabelOptions(**{field.name: getattr(self, field.name) for field in fields(LabelOptions)})


class InputSettings(Section):
    """The preprocessing of photographs: the fields of `Preprocessing` without the size."""

    mean: Triple = Preprocessing.mean
    std: Triple = Preprocessing.std
    background: float = Field(default=Preprocessing.background, ge=0, le=1)

    @model_validator(mode="after")
    def _positive(self) -> Self:
        if min(self.std) <= 0:
            raise ValueError(f"std {self.std}: expected three values above 0")
        return self

    def at(self, size: int) -> Preprocessing:
        """The preprocessing at an input size."""
        return Preprocessing(size, self.mean, self.std, self.background)


class StageSettings(Section):
    """One stage: input size in pixels, epochs, and batch size per device; `lr` overrides the optimiser's learning rate.

    `kind`: whole "photographs" by grade, or "patches" (see `synthesis.patches`) of `size` pixels cut from disease-free
    photographs of `source_size` pixels, half of them with synthetic lesions.
    `draws`: samples per epoch; default: the number of photographs.
    `drawn`: share of the referable samples that are disease-free photographs with synthetic lesions, multiplied by
    `drawn_decay` after every epoch; for stages of photographs only.
    `least_side`: photographs whose file has a shorter side below this number of pixels are left out of this stage.
    """

    kind: Literal["photographs", "patches"] = "photographs"
    size: int = Field(ge=32, le=2048)
    source_size: int = Field(default=448, ge=32, le=2048)
    epochs: Positive
    batch: Positive = 32
    draws: Positive | None = None
    drawn: Share = 0.0
    drawn_decay: Share = 1.0
    least_side: int = Field(default=0, ge=0, le=MAX_COUNT)
    lr: Rate | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.kind == "patches" and self.size > self.source_size:
            raise ValueError(f"patches of {self.size} pixels do not fit in photographs of {self.source_size}")
        if self.kind == "patches" and self.drawn:
            raise ValueError(
                f"drawn {self.drawn} is for stages of photographs only; half of the patches show lesions; leave it out"
            )
        return self

    @property
    def photograph_size(self) -> int:
        """Side, in pixels, of the prepared photographs of this stage."""
        return self.source_size if self.kind == "patches" else self.size


class AugmentationSettings(Section):
    """Ranges: rotation in degrees, flips, zoom (log-uniform, per axis), shift in pixels at size 512, PCA colour sigma.

    With `preprocessing.background`, a constant colour has no effect; instead the contrast is multiplied by log-normal
    factors of standard deviation `gain` (equal in all channels) and `channel_gain` (per channel). `blur`: maximum
    standard deviation in pixels, on half of the images. `noise`: maximum standard deviation in grey levels. `dust`:
    share of the images, of either class, with specks of dust (see `synthesis.dust`).
    """

    rotation: float = Field(default=360.0, ge=0, le=360)
    flips: bool = True
    zoom: float = Field(default=1.15, ge=1, le=10)
    translation: float = Field(default=40.0, ge=0, le=512)
    colour: float = Field(default=0.25, ge=0, le=100)
    gain: float = Field(default=0.2, ge=0, le=10)
    channel_gain: float = Field(default=0.1, ge=0, le=10)
    blur: float = Field(default=0.0, ge=0, le=100)
    noise: float = Field(default=0.0, ge=0, le=255)
    dust: Share = 0.0


class BalanceSettings(Section):
    """Resampling weights of grades 0-4: start * decay^epoch + end * (1 - decay^epoch).

    Epochs are counted over all stages of photographs. Grade 1 is between the classes; give it a low weight.
    `referable`: share of referable draws in every data set, so that the camera is not correlated with the class; None
    keeps the weights of the grades.
    """

    start: GradeWeights = (1.36, 14.38, 6.64, 40.24, 49.61)
    end: GradeWeights = (1.0, 2.0, 2.0, 2.0, 2.0)
    decay: Share = 0.975
    referable: float | None = Field(default=None, gt=0, lt=1)


class OptimiserSettings(Section):
    """`adamw`: warm-up over a share of the steps, then cosine. `sgd`: Nesterov 0.9, /10 at 0.6 and 0.88 of a stage.

    `average`: decay of the exponential moving average of the weights; 0 disables averaging.
    """

    name: Literal["adamw", "sgd"] = "adamw"
    lr: Rate = 1e-3
    weight_decay: float = Field(default=0.01, ge=0, le=MAX_RATE)
    warmup: Share = 0.1
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    average: float = Field(default=0.99, ge=0, lt=1)


class HardwareSettings(Section):
    """Arguments of Lightning's Trainer, and `workers`, the data loader's processes, which do not change the result.

    `devices` is a number from 1, or -1 for all. `precision` "auto" is "bf16-mixed" where the processor or the GPU has
    instructions for bfloat16, otherwise "32-true". `hardware` checks that this machine has what is asked for.
    """

    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    devices: Annotated[int, Field(ge=1, le=1024)] | Literal["auto", -1] = "auto"
    num_nodes: int = Field(default=1, ge=1, le=10_000)
    strategy: str = "auto"
    precision: Literal["auto", "32-true", "16-mixed", "bf16-mixed"] = "32-true"
    workers: int = Field(default=0, ge=0, le=256)
    channels_last: bool = True
    tensorboard: bool = False


class TrainingConfig(Section):
    """All settings of a training.

    `patience`: a stage ends after this number of epochs without a better validation AUROC (None: never).
    `threshold`: rule for the operating point on the validation set: Youden's J, or a specificity or sensitivity of at
        least 0.9 (see `metrics.classification.OPERATING_POINTS`).
    `calibrate`: fit slope and shift of the score's logit (`metrics.platt`) to the validation set before the threshold.
    """

    seed: Seed = 0
    stages: tuple[StageSettings, ...] = Field(
        default=(
            StageSettings(size=112, epochs=20, batch=128),
            StageSettings(size=224, epochs=20, batch=64),
            StageSettings(size=448, epochs=20),
        ),
        min_length=1,
    )
    patience: Positive | None = None
    threshold: Literal["youden", "specificity", "sensitivity"] = "youden"
    calibrate: bool = False
    network: NetworkSettings = NetworkSettings()
    data: DataSettings = DataSettings()
    preprocessing: InputSettings = InputSettings()
    augmentation: AugmentationSettings = AugmentationSettings()
    balance: BalanceSettings = BalanceSettings()
    optimiser: OptimiserSettings = OptimiserSettings()
    hardware: HardwareSettings = HardwareSettings()

    @model_validator(mode="after")
    def _ends_with_photographs(self) -> Self:
        if self.stages[-1].kind != "photographs":
            raise ValueError("the last stage must be of kind photographs")
        return self

    @classmethod
    def from_mapping(cls, settings: dict[str, Any], name: str = "training settings") -> Self:
        """Check a nested dict of settings.

        Raises:
            UsageError: an unknown key, or a value of the wrong type or range; the message contains `name` and the key.
        """
        try:
            return cls.model_validate(settings)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "settings"
            raise UsageError(f"{name}: {where}: {first['msg']}; correct this setting") from error

    @classmethod
    def from_toml(cls, path: Path) -> Self:
        """Read a TOML file.

        Raises:
            InputError: no such file, or no TOML.  UsageError: as `from_mapping`.
        """
        try:
            text = path.read_text(encoding="utf-8-sig")
            if any(line.count(".") > MAX_DOTS for line in text.splitlines()):
                raise RecursionError
            settings = tomllib.loads(text)
        except OSError as error:
            raise InputError(f"{path}: cannot read the settings ({error.strerror}); give a TOML file") from error
        except RecursionError as error:
            raise InputError(f"{path}: not a TOML file of settings (nested too deeply); correct it") from error
        except ValueError as error:
            raise InputError(f"{path}: not a TOML file ({error}); correct it") from error
        return cls.from_mapping(settings, str(path))

    def with_data(self, **settings: Any) -> Self:
        """The same settings with changes in the section `data`; None keeps the current value.

        Raises:
            UsageError: as `from_mapping`.
        """
        return self._changed("data", settings)

    def with_hardware(self, **settings: Any) -> Self:
        """The same settings with changes in the section `hardware`; None keeps the current value.

        Raises:
            UsageError: as `from_mapping`.
        """
        return self._changed("hardware", settings)

    def _changed(self, section: str, settings: dict[str, Any]) -> Self:
        given = {name: value for name, value in settings.items() if value is not None}
        content = self.model_dump()
        return self.from_mapping({**content, section: {**content[section], **given}})

    def to_toml(self) -> str:
        """All settings, including defaults, as TOML; the inverse of `from_toml`."""
        content = self.model_dump(mode="json", exclude_none=True)
        plain = {key: value for key, value in content.items() if not _is_table(value)}
        lines = [f"{key} = {_literal(value)}" for key, value in plain.items()]
        for key, value in content.items():
            for table in (value if isinstance(value, list) else [value]) if _is_table(value) else []:
                lines += ["", f"[[{key}]]" if isinstance(value, list) else f"[{key}]"]
                lines += [f"{name} = {_literal(item)}" for name, item in table.items()]
        return "\n".join(lines) + "\n"


def _is_table(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and isinstance(value[0], dict))


def _literal(value: Any) -> str:
    # a JSON scalar or list of scalars is TOML too
    return json.dumps(value, ensure_ascii=False)
