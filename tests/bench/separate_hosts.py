"""A batch on a scheduler and two workers that were started by hand, each worker in a network namespace of its own.

    python tests/bench/separate_hosts.py --folder FOLDER --count 20      needs root and `ip`

A namespace has its own interfaces and addresses, as another machine has. The results must be those of one process.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from disturbed_run import Run, everything, listed, prepared, show

NET = "10.77.0"
BRIDGE = "rxbench"
PORT = 8786


def ip(line: str) -> None:
    """Call `ip`."""
    subprocess.run(["ip", *line.split()], check=True)


@contextmanager
def bridge() -> Iterator[None]:
    """An interface of this machine to which namespaces are connected."""
    ip(f"link add {BRIDGE} type bridge")
    try:
        ip(f"addr add {NET}.1/24 dev {BRIDGE}")
        ip(f"link set {BRIDGE} up")
        yield
    finally:
        ip(f"link del {BRIDGE}")


@contextmanager
def namespace(number: int) -> Iterator[str]:
    """A network namespace with the address NET.NUMBER."""
    name, outer, inner = f"{BRIDGE}{number}", f"rxo{number}", f"rxi{number}"
    ip(f"netns add {name}")
    try:
        ip(f"link add {outer} type veth peer name {inner} netns {name}")
        ip(f"link set {outer} master {BRIDGE} up")
        for line in (f"addr add {NET}.{number}/24 dev {inner}", f"link set {inner} up", "link set lo up"):
            ip(f"-n {name} {line}")
        yield name
    finally:
        ip(f"netns del {name}")


@contextmanager
def started(line: list[str], log: Path) -> Iterator[None]:
    """A process, for the `with` block."""
    with log.open("w") as file:
        process = subprocess.Popen(line, stdout=file, stderr=subprocess.STDOUT)
        try:
            yield
        finally:
            process.terminate()
            process.wait()


def main() -> None:
    """Start all, run, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--count", type=int, default=20)
    chosen = parser.parse_args()
    folder = chosen.folder.absolute()
    arguments = [*prepared(folder, chosen.count), "--method", "saliency"]
    show("one process")
    Run(arguments, folder / "whole", folder / "whole.log", workers=False).end()
    address, dask = f"tcp://{NET}.1:{PORT}", [sys.executable, "-m", "dask"]
    os.environ["OMP_NUM_THREADS"] = "1"
    with ExitStack() as stack:
        stack.enter_context(bridge())
        host = ["--host", f"{NET}.1", "--port", str(PORT), "--dashboard-address", f"{NET}.1:8787"]
        stack.enter_context(started([*dask, "scheduler", *host], folder / "scheduler.log"))
        for number in (11, 12):
            place = ["ip", "netns", "exec", stack.enter_context(namespace(number))]
            worker = [*dask, "worker", address, "--nthreads", "1", "--host", f"{NET}.{number}"]
            stack.enter_context(started([*place, *worker], folder / f"worker{number}.log"))
        time.sleep(10)
        show("two workers, each in its own network namespace")
        run = Run([*arguments, "--scheduler", address], folder / "out", folder / "out.log", workers=False)
        run.end()
        show(f"  {run.log.read_text().splitlines()[0]}")
    expected, found = everything(folder / "whole"), everything(folder / "out")
    same = listed(folder / "whole") == listed(folder / "out")
    show(f"files: {len(expected)} and {len(found)}, equal: {expected == found}; manifests equal: {same}")
    for number in (11, 12):
        text = (folder / f"worker{number}.log").read_text()
        show(f"worker {number}: {text.count('Starting established connection')} connections")


if __name__ == "__main__":
    main()
