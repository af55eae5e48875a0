"""The searches for evidence of one session: what runs, what was found, and what ended without a result.

Evidence is searched before it is asked for, in the order of the list: of the open photograph, then of those that follow
it. A search that is not among the next ones is cancelled, so that the worker is free for what the reader looks at.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from retina_xai.app.viewer.findings import Evidence, Question
from retina_xai.app.viewer.jobs import SOON, URGENT, Job, Worker
from retina_xai.app.viewer.kept import keep

KEPT = 8

Place = tuple[str, Question]
"""The key of a photograph and what is asked of it."""
Search = Callable[[Job], Evidence]


@dataclass(eq=False)
class Searches:
    """By photograph and question.

    `jobs` run or wait, in the order in which they will run; `found` holds the last few answers; `ended` are jobs that
    failed, or that the reader cancelled: they are not begun again unless the reader asks.
    """

    jobs: dict[Place, Job] = field(default_factory=dict)
    found: OrderedDict[Place, Evidence] = field(default_factory=OrderedDict)
    ended: dict[Place, Job] = field(default_factory=dict)

    def ask(self, place: Place, search: Search, worker: Worker) -> Job:
        """Search now; what was being searched is cancelled."""
        self._drop([*self.jobs])
        self.ended.pop(place, None)
        self.jobs[place] = worker.submit(search, URGENT)
        return self.jobs[place]

    def prepare(self, places: Sequence[Place], search_of: Callable[[Place], Search], worker: Worker) -> None:
        """Search these in order where there is no answer yet, or a new one was asked for; all others are cancelled."""
        known = {*self.found, *self.ended} - {*self.jobs}
        wanted = [place for place in places if place not in known]
        self._drop([place for place in self.jobs if place != wanted[0]] if wanted else [*self.jobs])
        for place in wanted:
            if place not in self.jobs:
                self.jobs[place] = worker.submit(search_of(place), SOON)

    def collect(self) -> None:
        """Take over what jobs have found."""
        for place, job in [*self.jobs.items()]:
            if job.ended:
                del self.jobs[place]
                if job.state == "done":
                    self.add(place, job.result)
                else:
                    self.ended[place] = job

    def add(self, place: Place, found: Evidence) -> None:
        """Keep an answer."""
        keep(self.found, place, found, KEPT)

    def _drop(self, places: Sequence[Place]) -> None:
        for place in places:
            self.jobs.pop(place).cancel()
