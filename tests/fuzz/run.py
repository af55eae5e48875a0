"""Fuzz every reader for a while: damaged files must be refused in one line, or read.

    make fuzz                      10 minutes
    make fuzz FUZZ_SECONDS=60
    python -m fuzz.run --seconds 60 --seed 7 --only PNG

Prints the seed, and for each target how many cases were refused and read; `changed` are cases that were read with other
values than the whole file. Faults (an exception that is not ours, a message of several lines, too much time or memory)
are listed, their files are kept, and the exit code is 1.
"""

import argparse
import logging
import secrets
import sys
import tempfile
from pathlib import Path

from fuzz.loop import FuzzCounts, fuzz
from fuzz.targets import all_targets
from rich.console import Console

console = Console(soft_wrap=True, highlight=False, markup=False)


def main() -> int:
    """Run and report; returns the exit code."""
    options = _options()
    logging.disable()
    console.print(f"seed {options.seed}; {options.seconds:g} s")
    console.print(f"{'target':20}{'cases':>9}{'refused':>9}{'read':>9}{'changed':>9}{'faults':>9}")
    total = FuzzCounts()
    with tempfile.TemporaryDirectory() as folder:
        targets = [one for one in all_targets(Path(folder)) if one.name.startswith(options.only)]
        for target in targets:
            counts = fuzz(target, options.seed, seconds=options.seconds / len(targets))
            _show(target.name, counts, "-" if target.equal is None else str(counts.changed))
            _keep(options.faults, target.name, counts)
            for name in ("cases", "refused", "read", "changed", "faults"):
                setattr(total, name, getattr(total, name) + getattr(counts, name))
    _show("all", total, str(total.changed))
    return 1 if total.faults else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Fuzz every reader.")
    parser.add_argument("--seconds", type=float, default=600, help="of all targets together")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6), help="of the damages; random by default")
    parser.add_argument("--only", default="", help="targets whose names begin so, such as DICOM")
    parser.add_argument("--faults", type=Path, default=Path("fuzz-faults"), help="folder for files that show a fault")
    return parser.parse_args()


def _show(name: str, counts: FuzzCounts, changed: str) -> None:
    columns = (counts.cases, counts.refused, counts.read, changed, len(counts.faults))
    console.print(f"{name:20}" + "".join(f"{column:>9}" for column in columns))


def _keep(folder: Path, name: str, counts: FuzzCounts) -> None:
    """Print each kind of fault once and keep a file that shows it."""
    for number, (fault, content) in enumerate(dict(counts.faults).items()):
        folder.mkdir(exist_ok=True)
        path = folder / f"{name.replace(' ', '-')}-{number}"
        path.write_bytes(content)
        console.print(f"  {path}: {fault}")


if __name__ == "__main__":
    sys.exit(main())
