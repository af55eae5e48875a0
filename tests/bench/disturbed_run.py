"""A batch on two workers that is disturbed in every way, compared with an undisturbed one in one process.

    python tests/bench/disturbed_run.py --folder FOLDER --count 500

A worker is killed, the run is killed with SIGKILL twice, and the disk is full once (a small file system is mounted at
FOLDER/small, which needs root). Five files that cannot be read lie among the phantoms. The results must be equal byte
for byte, no photograph may be computed twice after its record is there, and every run that ends must name the five.
"""

import argparse
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
import pyarrow.parquet
import torch
from rich.console import Console

from retina_xai.app.batch.manifest import MANIFEST_FILE
from retina_xai.fundus.preprocessing import Preprocessing
from retina_xai.io.images import write_png
from retina_xai.models.checkpoint import ModelFacts, save_weights
from retina_xai.models.rdr import RdrNet
from retina_xai.training.phantoms.phantom import make_phantom

SIZE = 120, 150
BAD: dict[str, bytes] = {
    "bad_empty.jpg": b"",
    "bad_text.jpg": b"no photograph",
    "bad_start.png": b"\x89PNG\r\n\x1a\n\x00\x00",
    "bad_archive.png": b"PK\x03\x04" + bytes(100),
    "bad_cut.jpg": bytes.fromhex("ffd8ffe000104a46494600010100000100010000"),
}
show = Console(soft_wrap=True).print


def prepared(folder: Path, count: int) -> list[str]:
    """Phantoms, bad files and weights; the arguments of the command without those of the run."""
    data = folder / "data"
    for number in range(count):
        write_png(data / f"p{number:04}.png", make_phantom(number, *SIZE, grade=3).pixels)
    for name, content in BAD.items():
        (data / name).write_bytes(content)
    torch.manual_seed(0)
    net = RdrNet(width=1 / 8).eval()
    save_weights(folder / "weights.safetensors", net, ModelFacts("rdr5x5", 1 / 8, Preprocessing(size=96)))
    one_eye = ["--eye-pattern", "(.)"]  # or the guard against dust, which is not measured here, takes most of the time
    return ["localize", str(data), "--ungradable", "--weights", str(folder / "weights.safetensors"), *one_eye]


class Run:
    """One run of the command; its lines are in `log`."""

    def __init__(self, arguments: list[str], out: Path, log: Path, workers: bool) -> None:
        line = [sys.executable, "-m", "retina_xai.app.cli.main", *arguments, "--out", str(out)]
        self.out, self.log, self.begin = out, log, time.perf_counter()
        with log.open("w") as file:
            options = ["--workers", "2"] if workers else []
            environment = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
            self.process = subprocess.Popen([*line, *options], stdout=file, stderr=subprocess.STDOUT, env=environment)

    def records(self) -> int:
        """How many photographs are done."""
        return sum(path.name != "settings.json" for path in self.out.glob("*.json"))

    def at(self, count: int, act: Callable[["Run"], None]) -> None:
        """Call `act` as soon as so many photographs are done."""
        while self.records() < count:
            if self.process.poll() is not None:
                raise SystemExit(f"{self.log}: ended before {count} records")
            time.sleep(0.05)
        act(self)

    def kill_worker(self) -> None:
        """Kill one worker process."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        workers = [child for child in children if "spawn_main" in " ".join(child.cmdline())]
        show(f"  killed worker {workers[0].pid} of {len(workers)} at {self.records()} records")
        workers[0].kill()

    def kill(self) -> None:
        """Kill the process of the command; its workers must end by themselves."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        _, alive = psutil.wait_procs(children, timeout=20)
        show(f"  killed the run at {self.records()} records; {len(alive)} of its workers are left")

    def end(self) -> int:
        """The exit code."""
        code = self.process.wait()
        text = self.log.read_text()
        again, last = text.count("done before"), text.strip().splitlines()[-1][:150]
        show(f"  exit code {code} after {time.perf_counter() - self.begin:.0f} s, {again} done before: {last}")
        return code

    def computed(self) -> list[str]:
        """The photographs that this run reported as computed."""
        lines = re.findall(r"^(p\d+\.png): (.+)$", self.log.read_text(), re.MULTILINE)
        return [name for name, what in lines if what != "done before"]


def everything(folder: Path) -> dict[str, bytes]:
    """The results; the manifest also says how long a run took, and is compared by `listed`."""
    found = (path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST_FILE)
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def listed(folder: Path) -> list[dict[str, object]]:
    """The manifest without durations."""
    return pyarrow.parquet.read_table(folder / MANIFEST_FILE).drop_columns("seconds").to_pylist()


def main() -> None:
    """Run both and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--method", default="saliency")
    chosen = parser.parse_args()
    folder, count = chosen.folder.absolute(), chosen.count
    arguments = [*prepared(folder, count), "--method", chosen.method]
    show("undisturbed, one process")
    whole = Run(arguments, folder / "whole", folder / "whole.log", workers=False)
    codes = [whole.end()]
    small = folder / "small"
    small.mkdir()
    needed = sum(len(content) + 8192 for content in everything(folder / "whole").values())
    mount = ["mount", "-t", "tmpfs", "-o"]
    subprocess.run([*mount, f"size={int(needed * 0.75)}", "tmpfs", str(small)], check=True)
    out, runs = small / "out", []
    try:
        for number, share in enumerate((0.3, 0.5)):
            show(f"two workers, run {number + 1}")
            runs.append(Run(arguments, out, folder / f"run{number}.log", workers=True))
            if number == 0:
                runs[-1].at(int(count * 0.15), Run.kill_worker)
            runs[-1].at(int(count * share), Run.kill)
        show("two workers, until the disk is full")
        runs.append(Run(arguments, out, folder / "full.log", workers=True))
        codes.append(runs[-1].end())
        subprocess.run(["mount", "-o", f"remount,size={needed * 4}", str(small)], check=True)
        show("two workers, to the end")
        runs.append(Run(arguments, out, folder / "last.log", workers=True))
        codes.append(runs[-1].end())
        expected, found = everything(folder / "whole"), everything(out)
        manifests = [listed(folder / "whole"), listed(out)]
    finally:
        with suppress(subprocess.CalledProcessError):
            subprocess.run(["umount", str(small)], check=True)
    computed = np.unique([name for run in runs for name in run.computed()], return_counts=True)[1]
    named = [all(f"{name}: failed:" in run.log.read_text() for name in BAD) for run in (whole, runs[-1])]
    show(f"exit codes {codes} (expected [5, 3, 5]); bad files named: {named}")
    show(f"files: {len(expected)} and {len(found)}, equal: {expected == found}")
    failed = [row["error"] for row in manifests[1] if row["status"] == "failed"]
    show(f"manifests of {len(manifests[1])} rows, equal: {manifests[0] == manifests[1]}; failed:")
    for error in failed:
        show(f"  {error}")
    show(f"photographs reported as computed: {len(computed)}, twice or more: {int((computed > 1).sum())}")


if __name__ == "__main__":
    main()
