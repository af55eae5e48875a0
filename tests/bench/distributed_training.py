"""The demo's training in one process, in two, in two that are killed and resumed, and in two that torchrun started.

    python tests/bench/distributed_training.py --folder FOLDER [--epochs 36]

The results of the last three must be equal, bit for bit. They differ from those of one process, because a batch is
divided among the processes and each normalises its part.
"""

import argparse
import json
import subprocess
import sys
import time
from importlib.resources import files
from pathlib import Path

from disturbed_run import show

from retina_xai.app.demo import PATIENTS, SEED
from retina_xai.training.config import TrainingConfig
from retina_xai.training.phantoms.datasets import DEMO_EYEPACS, write_eyepacs

MODULE = ("-m", "retina_xai.app.cli.main", "train")
COMPARED = ("rdr.safetensors", "scores.csv", "metrics.json", "log.csv", "split.csv")


def train(data: Path, config: Path, out: Path, *options: str, starter: tuple[str, ...] = ()) -> subprocess.Popen[bytes]:
    """Start a training."""
    line = [sys.executable, *starter, *MODULE, "--data", data, "--config", config, "--out", out, *options]
    with out.with_suffix(".log").open("ab") as log:
        return subprocess.Popen(list(map(str, line)), stdout=log, stderr=subprocess.STDOUT)


def finished(process: subprocess.Popen[bytes], out: Path) -> None:
    """Wait for a training, and print its seconds and AUROC."""
    begin = time.monotonic()
    code = process.wait()
    auroc = json.loads((out / "metrics.json").read_text())["auroc"]
    show(f"{out.name}: exit code {code}, {time.monotonic() - begin:.0f} s, AUROC {auroc:.3f}")


def killed(process: subprocess.Popen[bytes], out: Path, epochs: int) -> None:
    """Kill a training after so many epochs, and wait until the process that it started has ended, too."""
    log = out / "log.csv"
    while process.poll() is None and (not log.exists() or len(log.read_text().splitlines()) <= epochs):
        time.sleep(0.05)
    process.kill()
    process.wait()
    begin = time.monotonic()
    while "another process of this training ended" not in out.with_suffix(".log").read_text(errors="replace"):
        time.sleep(0.1)
    show(f"{out.name}: killed after epoch {epochs}; the other process ended {time.monotonic() - begin:.0f} s later")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=36)
    given = parser.parse_args()
    data, settings = given.folder / "data", given.folder / "demo.toml"
    if not data.exists():
        write_eyepacs(data, PATIENTS, SEED, DEMO_EYEPACS)
    base = TrainingConfig.from_toml(Path(str(files("retina_xai.training") / "configs" / "demo.toml")))
    stages = [{**stage.model_dump(), "epochs": given.epochs} for stage in base.stages]
    settings.write_text(TrainingConfig.from_mapping({**base.model_dump(), "stages": stages}).to_toml())
    one, two, again, outside = (given.folder / name for name in ("one", "two", "resumed", "torchrun"))
    finished(train(data, settings, one), one)
    finished(train(data, settings, two, "--devices", "2"), two)
    killed(train(data, settings, again, "--devices", "2"), again, max(1, given.epochs // 2))
    finished(train(data, settings, again, "--devices", "2", "--resume"), again)
    starter = ("-m", "torch.distributed.run", "--nproc-per-node", "2")
    finished(train(data, settings, outside, "--devices", "2", starter=starter), outside)
    for name in COMPARED:
        same = (two / name).read_bytes() == (again / name).read_bytes() == (outside / name).read_bytes()
        show(f"{name}: {'equal' if same else 'DIFFERENT'}")


if __name__ == "__main__":
    main()
