"""The photographs that a session has decoded, and their views as the browser takes them; the last few are kept."""

from collections import OrderedDict
from dataclasses import dataclass, field

from retina_xai.app.viewer.encoding import first_view, other_views
from retina_xai.app.viewer.items import Item
from retina_xai.app.viewer.jobs import SOON, Job, Worker
from retina_xai.app.viewer.kept import keep
from retina_xai.fundus.retinal_scale import RetinalScale, retinal_scale
from retina_xai.io.images import Photograph

KEPT = 4
"""The open photograph, that of the other eye, and those before and after."""

Views = dict[str, bytes]


@dataclass(eq=False)
class Pictures:
    """By key of the photograph: pixels with their hash, scale, encoded views, and the jobs that make them."""

    photographs: OrderedDict[str, Photograph] = field(default_factory=OrderedDict)
    scales: OrderedDict[str, RetinalScale | None] = field(default_factory=OrderedDict)
    encoded: OrderedDict[str, Views] = field(default_factory=OrderedDict)
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

    def scale(self, item: Item) -> RetinalScale | None:
        """Millimetres or disc diameters per pixel, found once.

        Raises:
            InputError: it cannot be read.
        """
        if item.key not in self.scales:
            keep(self.scales, item.key, retinal_scale(self.photograph(item)), KEPT)
        return self.scales[item.key]

    def views(self, item: Item, encoder: Worker) -> Views:
        """Its encoded views: at first the colour view alone, the others when they are made.

        Raises:
            InputError: it cannot be read.
        """
        known = self.encoded.get(item.key)
        if known is None:
            photograph = self.photograph(item)
            known = first_view(photograph)
            self.encoding[item.key] = encoder.submit(lambda _: other_views(photograph))
        keep(self.encoded, item.key, known, KEPT)
        return known

    def fetch(self, item: Item, encoder: Worker) -> None:
        """Have a photograph decoded and its views encoded before it is opened."""
        if item.key in self.encoded or item.key in self.fetching:
            return

        def work(_: Job) -> tuple[Photograph, Views]:
            photograph = item.read()
            return photograph, {**first_view(photograph), **other_views(photograph)}

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
                    self.encoded[key] = {**self.encoded[key], **job.result}
        for key, job in [*self.fetching.items()]:
            if job.state == "done":
                del self.fetching[key]
                if key not in self.encoded:
                    photograph, views = job.result
                    keep(self.photographs, key, photograph, KEPT)
                    keep(self.encoded, key, views, KEPT)
