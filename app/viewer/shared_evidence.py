"""Evidence that any session found for photographs of the folder, so that a page that is loaded again has it at once.

Like scores, evidence follows from the bytes of the photograph and from the weights. That of uploads is not shared.
"""

from collections import OrderedDict
from dataclasses import dataclass, field

from retina_xai.app.viewer.findings import Evidence, Question
from retina_xai.app.viewer.kept import keep

KEPT = 8


@dataclass(eq=False)
class SharedEvidence:
    """The last few answers, by SHA-256 of the photograph and question; may be used by several threads."""

    found: OrderedDict[tuple[str, Question], Evidence] = field(default_factory=OrderedDict)

    def get(self, sha256: str, question: Question) -> Evidence | None:
        """The answer for a photograph, if it is known."""
        return self.found.get((sha256, question))

    def add(self, sha256: str, found: Evidence) -> None:
        """Keep an answer."""
        keep(self.found, (sha256, found.question), found, KEPT)
