"""Settings of trainings that take seconds."""

from typing import Any

from retina_xai.training.config import TrainingConfig

STAGED: dict[str, Any] = {
    "stages": [{"size": 32, "epochs": 3, "batch": 4}, {"size": 48, "epochs": 3, "batch": 4}],
    "network": {"width": 0.05},
    "hardware": {"accelerator": "cpu", "devices": 1},
}
RESULTS = ("rdr.safetensors", "metrics.json", "log.csv", "split.csv", "left_out.csv")
"""Files that a training writes."""


def small_training(**change: Any) -> TrainingConfig:
    """One epoch of one stage, with changes."""
    one = {**STAGED, "stages": [{"size": 32, "epochs": 1, "batch": 8}]}
    return TrainingConfig.from_mapping({**one, **change})
