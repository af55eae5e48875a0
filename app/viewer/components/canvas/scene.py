"""What the canvas shows, and the request that comes back. Coordinates are those of `retina_xai.fundus.geometry`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from retina_xai.errors import UsageError
from retina_xai.fundus.retinal_scale import RetinalScale
from retina_xai.lesions.annotation import Annotation


@dataclass(frozen=True, eq=False)
class HeatLayer:
    """Evidence as the canvas takes it: an 8-bit grey PNG of any scale with the aspect of the photograph, 255 = 1.0.

    `table` has the colour of each of the 256 grey values: red, green, blue, opacity, 0 to 255
    (`retina_xai.drawing.heat_table`).
    """

    png: bytes
    table: Sequence[Sequence[int]]


@dataclass(frozen=True)
class FellowEye:
    """The photograph of the other eye, for comparison: nothing can be done to it.

    `asked` says whether it is to be shown. `view` is an encoded image of `width` x `height` pixels, None while it is
    made. `verdict` are tone and lines as in the snapshot, `question` method and class of its candidates. A photograph
    that cannot be read has a `fault`.
    """

    image_id: str
    name: str
    side: str
    asked: bool = False
    view: bytes | None = None
    width: int = 1
    height: int = 1
    verdict: Mapping[str, str] = field(default_factory=dict)
    candidates: Sequence[Annotation] = ()
    question: Sequence[str] = ()
    fault: str = ""


@dataclass(frozen=True)
class Scene:
    """One photograph with everything that Python knows of it in the picture.

    `views` are encoded JPEG or PNG images of one size in the order of their keys 1, 2, 3; the first is shown at first.
    `candidates` come highest score first. `experts` are the markings of experts. A photograph that cannot be read has
    no views and a `fault`, which is shown in place of it. Zoom, pan, opacity and toggles start anew if and only if
    `image_id` changes. Lengths are in the unit of `scale`, in pixels without one. `side` is the eye, "" if unknown.

    Raises:
        UsageError: no view, no size, or two candidates of one id.
    """

    image_id: str
    width: int
    height: int
    views: Mapping[str, bytes]
    heat: HeatLayer | None = None
    candidates: Sequence[Annotation] = ()
    experts: Sequence[Annotation] = ()
    fault: str = ""
    scale: RetinalScale | None = None
    side: str = ""
    fellow: FellowEye | None = None

    def __post_init__(self) -> None:
        """Refuse what the canvas cannot show."""
        if not self.views and not self.fault:
            raise UsageError(f"{self.image_id}: no view given, expected at least one; pass the encoded photograph")
        if self.width < 1 or self.height < 1:
            raise UsageError(f"{self.image_id}: size {self.width} x {self.height}, expected the file's size in pixels")
        ids = [candidate.id for candidate in self.candidates]
        if len(set(ids)) < len(ids):
            raise UsageError(f"{self.image_id}: two candidates of one id; number them")


@dataclass(frozen=True)
class Opening:
    """A request of the page to open the photograph `image`, made under this id while `former` was shown."""

    id: str
    former: str
    image: str
