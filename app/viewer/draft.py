"""What a reader has done to the lesions of one photograph and not stored yet."""

from dataclasses import dataclass, field

from retina_xai.app.readings.compose import EDITED, Edits, edited_copy
from retina_xai.app.viewer.components.reading_form.reading_form import Answer
from retina_xai.lesions.annotation import UNSPECIFIED, Annotation


@dataclass(eq=False)
class Draft:
    """Drawn lesions, types and rejections of candidates, the chosen candidate, and the answer to the last submission.

    `drawn` also holds copies of the candidates that the reader edits. `selected` is the candidate that the page shows,
    `clicked` the last one clicked on the canvas. Decision and comment are kept in the browser
    (`components.reading_form`).
    """

    drawn: tuple[Annotation, ...] = ()
    types: dict[str, str] = field(default_factory=dict)
    rejected: set[str] = field(default_factory=set)
    selected: str | None = None
    clicked: str | None = None
    answer: Answer | None = None

    @property
    def edits(self) -> Edits:
        """What of it becomes part of a reading."""
        return Edits(self.drawn, dict(self.types), frozenset(self.rejected))

    def type_of(self, candidate: Annotation) -> str:
        """The type that the reader gave to a candidate."""
        return self.types.get(candidate.id, UNSPECIFIED)

    def reject(self, candidate: Annotation) -> None:
        """Reject a candidate; its copy, if it is being edited, is removed."""
        self.rejected.add(candidate.id)
        self._remove_copy(candidate)

    def keep(self, candidate: Annotation) -> None:
        """Undo a rejection; the copy of the candidate, if it is being edited, is removed."""
        self.rejected.discard(candidate.id)
        self._remove_copy(candidate)

    def edit(self, candidate: Annotation) -> None:
        """Put a copy of a candidate among the drawn lesions in its place, unless it is rejected or edited already."""
        if candidate.id not in self.rejected:
            self.drawn = (*self.drawn, edited_copy(candidate, self.type_of(candidate)))
            self.rejected.add(candidate.id)

    def _remove_copy(self, candidate: Annotation) -> None:
        self.drawn = tuple(lesion for lesion in self.drawn if lesion.id != EDITED + candidate.id)
