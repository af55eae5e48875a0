"""The photographs that a session has decoded, and their views as the browser takes them; the last few are kept."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from retina_xai.app.viewer.encoding import first_view, other_views
from retina_xai.app.viewer.items import Item
from retina_xai.app.viewer.jobs import SOON, Job, Worker
from retina_xai.app.viewer.kept import keep
from retina_xai.fundus.retinal_scale import RetinalScale, retinal_scale
from retina_xai.io.images import Photograph

KEPT = 4
"""The open photograph, that of the other eye, and those before and after."""


@dataclass(frozen=True, eq=False)
class Encoded:
    """The views of a photograph as the browser takes them, by name, and its scale (None: unknown, or not found yet)."""

    views: Mapping[str, bytes] = field(default_factory=dict)
    scale: RetinalScale | None = None


@dataclass(eq=False)
class Pictures:
    """By key of the photograph: pixels with their hash, what is encoded, and the jobs that make it."""

    photographs: OrderedDict[str, Photograph] = field(default_factory=OrderedDict)
    encoded: OrderedDict[str, Encoded] = field(default_factory=OrderedDict)
    encoding: dict[str, Job] = field(default_factory=dict)
    fetching: dict[str, Job] = field(default_factory=dict)

    def photograph(self, item: Item) -> Photograph:
        """Its pixels and hash.

        Raises:
            InputError: it cannot be read.
        """
        known = self.photographs.get(item.key)
        keep(self.photographs, item.key, known or item.read(), KEPT)
        return self.photographs[item.key]

    def shown(self, item: Item, encoder: Worker) -> Encoded:
        """What is encoded of it: at first the colour view alone, the rest when it is made.

        Raises:
            InputError: it cannot be read.
        """
        known = self.encoded.get(item.key)
        if known is None:
            photograph = self.photograph(item)
            known = Encoded(first_view(photograph))
            self.encoding[item.key] = encoder.submit(lambda _: _whole(photograph, known))
        keep(self.encoded, item.key, known, KEPT)
        return known

    def fetch(self, item: Item, encoder: Worker) -> None:
        """Have a photograph decoded and encoded before it is opened."""
        if item.key in self.encoded or item.key in self.fetching:
            return

        def work(_: Job) -> tuple[Photograph, Encoded]:
            photograph = item.read()
            return photograph, _whole(photograph, Encoded(first_view(photograph)))

        self.fetching[item.key] = encoder.submit(work, SOON)

    def is_ready(self, item: Item) -> bool:
        """Whether a photograph that is fetched can be taken over by `collect`."""
        job = self.fetching.get(item.key)
        return job is not None and job.ended

    @property
    def has_news(self) -> bool:
        """Whether further views of a photograph that was opened are ready."""
        return any(job.ended for job in self.encoding.values())

    def collect(self) -> None:
        """Take over what jobs have made; a photograph that could not be fetched is read again when it is opened."""
        for key, job in [*self.encoding.items()]:
            if job.ended:
                del self.encoding[key]
                if key in self.encoded and job.state == "done":
                    self.encoded[key] = job.result
        for key, job in [*self.fetching.items()]:
            if job.state == "done":
                del self.fetching[key]
                if key not in self.encoded:
                    photograph, encoded = job.result
                    keep(self.photographs, key, photograph, KEPT)
                    keep(self.encoded, key, encoded, KEPT)


def _whole(photograph: Photograph, first: Encoded) -> Encoded:
    """With the scale, and the other views where the memory suffices for them."""
    scaled = replace(first, scale=retinal_scale(photograph))
    try:
        return replace(scaled, views={**first.views, **other_views(photograph)})
    except MemoryError:
        return scaled
