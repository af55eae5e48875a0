"""Work in the background: a worker is a thread that runs one job at a time.

Two jobs at once would not be faster on few cores and would slow down the page. So jobs wait in a queue: what a reader
looks at, then what the reader will look at soon, then the rest of a worklist. One core is left to the page. A page
holds its jobs and polls them. A waiting job is cancelled at once, a running job at its next step.
"""

import itertools
import logging
import os
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from retina_xai.errors import RetinaXaiError

State = Literal["waiting", "running", "done", "failed", "cancelled"]
ENDED: frozenset[State] = frozenset({"done", "failed", "cancelled"})
URGENT, SOON, PATIENT = 0, 1, 2

log = logging.getLogger(__name__)


class Cancelled(Exception):
    """Raised inside a job that was cancelled."""


@dataclass(eq=False)
class Job:
    """A piece of work: `work` gets the job and returns its result.

    `progress` holds (game, step, score) as a game goes on; games are counted from 0. `error` is one line.
    """

    work: Callable[["Job"], Any]
    urgency: int = URGENT
    state: State = "waiting"
    result: Any = None
    error: str = ""
    progress: list[tuple[int, int, float]] = field(default_factory=list)
    cancelled: threading.Event = field(default_factory=threading.Event)

    @property
    def ended(self) -> bool:
        """Whether it is done, failed or cancelled."""
        return self.state in ENDED

    @property
    def wanted(self) -> bool:
        """Whether it has neither ended nor been cancelled."""
        return not self.ended and not self.cancelled.is_set()

    def cancel(self) -> None:
        """Ask it to stop; nothing happens if it has ended."""
        self.cancelled.set()
        if self.state == "waiting":
            self.state = "cancelled"

    def check(self) -> None:
        """Raise Cancelled where that was asked for."""
        if self.cancelled.is_set():
            raise Cancelled

    def on_step(self, step: int, scores: Any) -> None:
        """Record a step of a method (see `Explainer`): a step that is not above the last one begins the next game."""
        self.check()
        game = self.progress[-1][0] + (step <= self.progress[-1][1]) if self.progress else 0
        self.progress.append((game, step, float(scores[0])))

    def run(self) -> None:
        """Do the work and end as done, failed or cancelled; nothing is raised."""
        if self.cancelled.is_set():
            self.state = "cancelled"
            return
        self.state = "running"
        try:
            self.result = self.work(self)
            self.state = "done"
        except Cancelled:
            self.state = "cancelled"
        except RetinaXaiError as error:
            self._fail(str(error))
        except MemoryError:
            self._fail("not enough memory; close other programs or scale the photograph")
        except Exception as error:  # a fault of ours; its text may hold the name of a file, which is a patient's often
            log.debug("a job failed", exc_info=True)
            self._fail(f"internal error ({type(error).__name__}); start with RETINA_XAI_DEBUG=1 to see the details")

    def _fail(self, line: str) -> None:
        self.error, self.state = " ".join(line.split()), "failed"


class Worker:
    """The thread and its queue. The thread ends with the process, or by `close`."""

    def __init__(self) -> None:
        self._queue: queue.PriorityQueue[tuple[int, int, Job]] = queue.PriorityQueue()
        self._numbers = itertools.count()
        self._running: Job | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="retina-xai worker", daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[Job], Any], urgency: int = URGENT) -> Job:
        """Queue a piece of work; the same urgency is served in the order of asking."""
        job = Job(work, urgency)
        self._queue.put((urgency, next(self._numbers), job))
        return job

    def close(self, seconds: float = 5.0) -> None:
        """Cancel all jobs and wait for the running one: a thread that computes while Python ends can abort it."""
        self._closed = True
        running = self._running
        if running is not None:
            running.cancel()
        self.submit(lambda _: None)  # wakes the thread
        self._thread.join(seconds)

    def _work(self) -> None:
        _leave_a_core()
        while not self._closed:
            self._running = self._queue.get()[2]
            if not self._closed:
                self._running.run()


def _leave_a_core() -> None:
    import torch

    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(max(1, (os.cpu_count() or 2) - 1))
