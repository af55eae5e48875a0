"""What the examination must show after any keys of a reader: a model of the page, written without its code."""

from dataclasses import dataclass, field

FINDINGS = {"r": "refer", "t": "no referable DR", "u": "ungradable"}
CYCLES = {"y": ("grade", ("0", "1", "2", "3", "4")), "i": ("oedema", ("yes", "no", "unsure"))}
TOOLS = {"v": "pan", "d": "draw", "z": "disc"}
OTHER_EYES = {"left.png": "right.png", "right.png": "left.png"}
JUDGED = {"c": "accepted", "x": "rejected"}
STATUSES = {"accepted": "kept", "edited": "kept", "rejected": "deleted"}
"""Of stored lesions, by what the table says; an edited candidate that was not moved is an accepted one."""


@dataclass
class ModelPhotograph:
    """One photograph: scores of its candidates by id, highest first, and what the reader did to it."""

    name: str
    scores: dict[str, float]
    readable: bool = True
    selected: str | None = None
    standings: dict[str, str] = field(default_factory=dict)
    edited: list[str] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)
    stored: object = None
    tool: str = "pan"


@dataclass
class ReaderModel:
    """The photographs in the order of the list, the open one and the threshold."""

    photographs: list[ModelPhotograph]
    place: int = 0
    threshold: float = 0.0
    both: bool = False

    @property
    def tool(self) -> str:
        return self.shown.tool

    @property
    def fellow(self) -> str:
        """The photograph of the other eye; "" where there is none."""
        stem, _, ending = self.shown.name.partition("_")
        name = f"{stem}_{OTHER_EYES.get(ending, ending)}"
        return name if name != self.shown.name and name in {one.name for one in self.photographs} else ""

    @property
    def beside(self) -> str:
        """The photograph of the other eye, where it is shown."""
        return self.fellow if self.both else ""

    @property
    def shown(self) -> ModelPhotograph:
        return self.photographs[self.place]

    @property
    def listed(self) -> list[str]:
        return [name for name, score in self.shown.scores.items() if score >= self.threshold]

    @property
    def chosen(self) -> str:
        return self.shown.selected if self.shown.selected in self.listed else ""

    @property
    def table(self) -> dict[str, str]:
        return {name: self.shown.standings.get(name, "not reviewed") for name in self.listed}

    @property
    def outlines(self) -> int:
        return sum(standing in ("not reviewed", "accepted") for standing in self.table.values())

    def choose(self, name: str) -> None:
        self.shown.selected = name

    def press(self, key: str) -> None:
        """A key that neither stores a reading nor opens a photograph."""
        if key == "4":
            self.both ^= bool(self.fellow)
        elif key in TOOLS:
            self.shown.tool = TOOLS[key]
        elif key in ".,":
            self._step(1 if key == "." else -1)
        elif key in FINDINGS:
            self._enter("finding", "" if self.shown.values.get("finding") == FINDINGS[key] else FINDINGS[key])
        elif key in CYCLES:
            name, values = CYCLES[key]
            now = self.shown.values.get(name)
            self._enter(name, ("", *values, "")[values.index(now) + 2 if now else 1])
        elif self.chosen:
            self._judge(self.chosen, key)

    def go(self, by: int) -> bool:
        """Open a neighbour; whether there is one."""
        if not 0 <= self.place + by < len(self.photographs):
            return False
        self.place += by
        return True

    def store(self) -> str:
        """What the page says after a reading was sent: the begin of its line."""
        one = self.shown
        if not one.readable:
            return "The photograph cannot be read"
        if "finding" not in one.values:
            return "Choose your finding first"
        if self._contradiction():
            return f"{one.values['finding']}, but"
        said = (dict(one.values), self.threshold, self.table, dict(one.standings), list(one.edited))
        if said == one.stored:
            return "Already stored as reading"
        one.stored = said
        return "Stored as reading"

    @property
    def reviewed(self) -> dict[str, str]:
        """Statuses of the lesions of a reading, by id."""
        return {f"candidate-{name}": STATUSES[standing] for name, standing in self.shown.standings.items()}

    @property
    def not_reviewed(self) -> int:
        return sum(standing == "not reviewed" for standing in self.table.values())

    def _step(self, by: int) -> None:
        order, listed = list(self.shown.scores), self.listed
        if not listed:
            return
        start = order.index(self.shown.selected) if self.shown.selected else (-1 if by > 0 else len(order))
        places = sorted(order.index(name) for name in listed)
        beyond = [place for place in places if (place - start) * by > 0]
        following = (beyond or places)[0] if by > 0 else (beyond or places)[-1]
        self.shown.selected = order[following]

    def _enter(self, name: str, value: str) -> None:
        self.shown.values.pop(name, None)
        if value:
            self.shown.values[name] = value

    def _judge(self, name: str, key: str) -> None:
        one = self.shown
        if key == "w":
            one.tool = "draw"
            if name not in one.edited:
                one.edited.append(name)
            one.standings[name] = "edited"
            return
        if name in one.edited:
            one.edited.remove(name)
        if one.standings.pop(name, "") != JUDGED[key]:
            one.standings[name] = JUDGED[key]

    def _contradiction(self) -> bool:
        finding, grade = self.shown.values["finding"], self.shown.values.get("grade")
        if finding == "ungradable":
            return grade is not None
        positive = (grade is not None and int(grade) >= 2) or self.shown.values.get("oedema") == "yes"
        return finding == "no referable DR" and positive
