"""All that is painted, measured and put together."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

from muralist.bench.cases import Case
from muralist.bench.entrants import CONTROLS, Entrant, without_crops
from muralist.bench.field import Correlation, correlation
from muralist.bench.measured import Judge, Judged
from muralist.bench.results import Group, Kind, Results, Shown
from muralist.bench.samples import Control
from muralist.bench.trials import Trial, Workshop
from muralist.bench.truth import distances, truths_of
from muralist.canvas import Size
from muralist.errors import BadRequest
from muralist.run import Crew
from muralist.stage import Method

__all__ = ["ABLATED", "Benchmark"]

ABLATED = ("multidiffusion", "demofusion")
"""Paint once more without crop conditioning: the plainest, and what others are made of."""


_SHOWN = 4  # prompts of which a report shows pictures


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """Who paints, and what: every entrant every case.

    Those of `ABLATED` paint the largest size once more, of a model that is told nothing of where
    windows lie.
    """

    judge: Judge
    entrants: tuple[Entrant, ...]
    cases: tuple[Case, ...]
    truths: int = 4  # pictures of each case that distances are measured from

    @property
    def workshop(self) -> Workshop:
        return self.judge.workshop

    @property
    def sizes(self) -> list[Size]:
        return list(dict.fromkeys(case.size for case in self.cases))

    @property
    def natives(self) -> list[Trial]:
        """What others are measured against, and controls are made of: one for a ratio's sizes."""
        return list(dict.fromkeys(map(self.workshop.native, self.cases)))

    @property
    def trials(self) -> list[Trial]:
        """All pictures of entrants, what is whole in itself first."""
        largest = max(self.sizes, key=lambda size: size.area)
        untold = [without_crops(one) for one in self.entrants if one.name in ABLATED]
        return [
            Trial(entrant, case)
            for case in self.cases
            for entrant in (*self.entrants, *(untold if case.size == largest else ()))
        ]

    @property
    def orders(self) -> list[Control | Trial]:
        """All pictures to be measured, controls first."""
        controls = [
            Control(name, case)
            for case in self.cases
            for name in CONTROLS
            if name != "truth" or self.workshop.knows(case.prompt)
        ]
        return [*controls, *self.trials]

    def missing(self) -> list[Trial]:
        """What is to be painted still, native pictures first.

        Raises `BadRequest` where something cannot be painted, or was painted in another way.
        """
        self.judge.check()
        card = self.workshop.card
        native = card.native.times(card.factor)
        trials = [*self.natives, *self.trials]
        for trial in trials:
            self.workshop.request(trial)
        for case in self.cases:
            if max(self.workshop.native_size(case)) >= max(case.size):
                raise BadRequest(
                    f"{case.size} is not larger than what {card.name} was trained for, {native};"
                    " sizes more than a quarter beyond that have a base picture to be compared with"
                )
        return [trial for trial in trials if not self.workshop.done(trial)]

    def painted(self, crew: Crew, missing: Sequence[Trial]) -> Iterator[Trial]:
        """Paints what is missing; each, as it is done."""
        return (missing[number] for number, _ in crew.completed(self.workshop, missing))

    def judged(self, crew: Crew) -> Iterator[Judged]:
        """All pictures and controls, measured, in their order."""
        return crew.map(self.judge, self.orders)

    def results(self, judged: Sequence[Judged], crew: Crew, facts: Mapping[str, str]) -> Results:
        """What is written down; distances from true pictures are measured for it."""
        kinds: dict[str, Kind] = dict.fromkeys(CONTROLS, "control")
        kinds |= {one.name: one.kind for one in dict.fromkeys(each.entrant for each in self.trials)}
        there = dict.fromkeys(one.row.entrant for one in judged)
        return Results(
            facts=facts,
            entrants={name: kinds[name] for name in there},
            sizes=tuple(map(str, self.sizes)),
            rows=tuple(one.row for one in judged),
            groups=tuple(self._groups(judged, crew)),
            fields=self._fields(crew) if "seams" in self.judge.parts else {},
            shown=tuple(self._shown(judged)),
        )

    def _shown(self, judged: Sequence[Judged]) -> Iterator[Shown]:
        """Of the first prompts the first seed, at every size."""
        seeds: dict[str, int] = {}
        for case in self.cases:
            seeds.setdefault(case.prompt, case.seed)
        first = set(islice(seeds.items(), _SHOWN))
        return (one.shown for one in judged if (one.shown.prompt, one.shown.seed) in first)

    def _fields(self, crew: Crew) -> dict[str, dict[str, float]]:
        """What methods make of a random field of which all is known."""
        found = crew.map(_field, [one.method for one in self.entrants])
        return {
            entrant.name: {
                "field.inside": one.inside.value,
                "field.across": one.across.value,
                "field.exact": one.exact,
            }
            for entrant, one in zip(self.entrants, found, strict=True)
            if one is not None
        }

    def _groups(self, judged: Sequence[Judged], crew: Crew) -> Iterator[Group]:
        """Distances of all pictures of an entrant at a size from true ones of the same captions."""
        for size in self.sizes:
            known = [one for one in self.cases if self.workshop.knows(one.prompt)]
            cases = [case for case in known if case.size == size]
            true = list(crew.map(partial(truths_of, count=self.truths), cases))
            for name in dict.fromkeys(one.row.entrant for one in judged):
                painted = [
                    one.described
                    for one in judged
                    if one.described and (one.row.entrant, one.row.size) == (name, str(size))
                ]
                if len(painted) > 1:  # one picture is no population
                    yield Group(entrant=name, size=str(size), measures=distances(painted, true))


def _field(method: Method) -> Correlation | None:
    """None of a method whose settings do not suit the field's own model, or that needs more."""
    try:
        return correlation(method)
    except BadRequest:
        return None
