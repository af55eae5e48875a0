"""The photograph that is open, with what is known of it."""

from dataclasses import dataclass, replace
from typing import Any

from retina_xai.app.readings.compose import Shown
from retina_xai.app.readings.model import ImageFile
from retina_xai.app.viewer.findings import Evidence
from retina_xai.app.viewer.items import Item
from retina_xai.app.viewer.worklist import Scored
from retina_xai.errors import InputError
from retina_xai.io.images import Photograph
from retina_xai.lesions.thresholds import FLOOR


@dataclass(frozen=True, eq=False)
class OpenPhotograph:
    """`scored` and `found` are None until they are computed."""

    item: Item
    photograph: Photograph
    scored: Scored | None
    found: Evidence | None

    @property
    def stored_name(self) -> str:
        """The name in the store and in exports: that of the page, or the pseudonym where a file names its patient."""
        return self.item.name if self.photograph.identity is None else self.photograph.name

    def shown(self, threshold: float, model_sha256: str) -> Shown:
        """What a reading rests on, with candidates of at least `threshold`.

        Raises:
            InputError: no verdict yet.
        """
        if self.scored is None or self.scored.verdict is None:
            raise InputError(f"{self.item.name}: not scored yet; store the reading when the verdict is there")
        image = ImageFile.of(Photograph(self.photograph.pixels, self.stored_name, self.photograph.sha256))
        shown = Shown(image, model_sha256, self.scored.verdict)
        if self.found is None:
            return shown
        settings = _settings(self.found, threshold)
        return replace(shown, candidates=self.found.candidates, threshold=threshold, settings=settings)


def _settings(found: Evidence, threshold: float) -> dict[str, Any]:
    return {
        "method": found.question.method,
        "class": found.question.target,
        "explanation": dict(found.settings),
        "candidates_from": threshold,
        "binarisation": {"fraction_of_maximum": found.candidate_fraction, "floor": FLOOR},
    }
