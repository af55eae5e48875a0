"""The loop: damage a file, read it, and judge what came: a refusal in one line, a value, or a fault of ours.

Each case may take `SECONDS` of the processor, and `MEMORY` more than what the process had: what needs more is a fault.
"""

import resource
import signal
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from types import FrameType

from fuzz.mutations import mutated
from fuzz.targets import FuzzTarget

from retina_xai.errors import InternalError, RetinaXaiError

SECONDS = 10
MEMORY = 2**30
STARVED = "not enough memory"


class TooSlow(BaseException):
    """A case took more than `SECONDS` of the processor; no `except Exception` of a reader catches it."""


@dataclass
class FuzzCounts:
    """What became of the cases of one target.

    changed: cases that were read with other values than the whole file.
    faults: what should not happen, and the damaged files that show it.
    """

    cases: int = 0
    refused: int = 0
    read: int = 0
    changed: int = 0
    faults: list[tuple[str, bytes]] = field(default_factory=list)


def fuzz(target: FuzzTarget, seed: int, cases: int | None = None, seconds: float | None = None) -> FuzzCounts:
    """Damage and read until there were enough cases or the time is over; the same seed gives the same cases."""
    random, counts = Random(f"{seed} {target.name}"), FuzzCounts()
    whole = [_value(target, content) for content in target.seeds]
    ends = time.monotonic() + seconds if seconds is not None else float("inf")
    with _bounded_memory():
        while (cases is None or counts.cases < cases) and time.monotonic() < ends:
            chosen = random.randrange(len(target.seeds))
            content = mutated(random, target.seeds[chosen], random.choice(target.seeds), target.mutations)
            counts.cases += 1
            _judge(target, content, whole[chosen], counts)
    target.place.write_bytes(target.seeds[0])
    return counts


def _value(target: FuzzTarget, content: bytes) -> object:
    target.place.write_bytes(content)
    return target.read(target.place)


def _judge(target: FuzzTarget, content: bytes, whole: object, counts: FuzzCounts) -> None:
    try:
        with _bounded_time():
            value = _value(target, content)
    except InternalError as error:
        counts.faults.append((f"InternalError: {error}", content))
    except RetinaXaiError as error:
        counts.refused += 1
        if "\n" in str(error) or STARVED in str(error):
            counts.faults.append((f"message: {error}", content))
    except (Exception, TooSlow) as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        fault = f"{type(error).__name__}: {error} at {Path(where.filename).name}:{where.lineno}"
        counts.faults.append((fault[:500], content))
    else:
        counts.read += 1
        counts.changed += target.equal is not None and not target.equal(value, whole)


@contextmanager
def _bounded_time() -> Iterator[None]:
    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise TooSlow(f"more than {SECONDS} s of the processor")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


@contextmanager
def _bounded_memory() -> Iterator[None]:
    """Limit the address space; a library that asks for more gets a MemoryError."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
