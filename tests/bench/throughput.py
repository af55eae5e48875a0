"""Throughput of `localize` in one process and on workers, per second of wall time and of processor time.

    python tests/bench/throughput.py --photographs FOLDER --folder FOLDER

Each way runs over a few photographs and over many; what the difference took is without start and end, so it is the cost
per photograph of a long run. On a busy machine compare processor times: one process cannot be faster than its processor
time on all cores, and workers take theirs on one core each.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console

from retina_xai.io.images import find_images

WAYS: dict[str, tuple[str, list[str]]] = {
    "one process, one thread": ("1", []),
    "one process, two threads": ("2", []),
    "two workers": ("1", ["--workers", "2"]),
}
show = Console(soft_wrap=True).print


def cost(folder: Path, photographs: list[Path], way: str, settings: list[str]) -> tuple[float, float]:
    """Wall and processor seconds of one run."""
    threads, options = WAYS[way]
    out = folder / "out"
    shutil.rmtree(out, ignore_errors=True)
    line = [sys.executable, "-m", "retina_xai.app.cli.main", "localize", *map(str, photographs), "--out", str(out)]
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    environment = {**os.environ, "OMP_NUM_THREADS": threads}
    subprocess.run([*line, *settings, *options], check=True, env=environment, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - begin, used


def main() -> None:
    """Measure all ways in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photographs", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--few", type=int, default=4)
    parser.add_argument("--many", type=int, default=16)
    parser.add_argument("--set", action="append", default=[])
    chosen = parser.parse_args()
    found = find_images([chosen.photographs])
    settings = [part for text in chosen.set for part in ("--set", text)]
    for way in WAYS:
        few = cost(chosen.folder, found[: chosen.few], way, settings)
        many = cost(chosen.folder, found[: chosen.many], way, settings)
        wall, used = ((more - less) / (chosen.many - chosen.few) for more, less in zip(many, few, strict=True))
        rest, load = few[0] - wall * chosen.few, os.getloadavg()[0]
        show(f"{way}: {wall:.2f} s per photograph, {used:.2f} s processor; start and end {rest:.0f} s; load {load:.1f}")


if __name__ == "__main__":
    main()
