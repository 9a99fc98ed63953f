"""All that is painted, measured and put together."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import torch

from muralist.bench.cases import Case
from muralist.bench.distances import frechet, kernel
from muralist.bench.entrants import CONTROLS, Entrant, without_crops
from muralist.bench.field import Correlation, correlation
from muralist.bench.measured import Described, Judge, Judged
from muralist.bench.results import Group, Kind, Results
from muralist.bench.samples import Control
from muralist.bench.trials import Trial, Workshop
from muralist.canvas import Size
from muralist.errors import BadRequest
from muralist.run import Crew

__all__ = ["ABLATED", "Benchmark"]

ABLATED = ("multidiffusion", "demofusion")
"""Paint once more without crop conditioning: the plainest, and what others are made of."""


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
    def trials(self) -> list[Trial]:
        """All pictures to be painted, what is whole in itself first."""
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
        """What is to be painted still.

        Raises `BadRequest` where something cannot be painted, or was painted in another way.
        """
        self.judge.check()
        card = self.workshop.card
        native = card.native.times(card.factor)
        for trial in self.trials:
            self.workshop.request(trial)
        for case in self.cases:
            if max(self.workshop.native_size(case)) >= max(case.size):
                raise BadRequest(
                    f"{case.size} is not larger than what {card.name} was trained for, {native};"
                    " sizes more than a quarter beyond that have a base picture to be compared with"
                )
        return [trial for trial in self.trials if not self.workshop.done(trial)]

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
            fields=self._fields() if "seams" in self.judge.parts else {},
            shown=tuple(one.shown for one in judged if one.shown is not None),
        )

    def _fields(self) -> dict[str, dict[str, float]]:
        """What methods make of a random field of which all is known.

        The field has a model of its own: settings that are in cells may not suit it, and methods
        that need more than a model are not asked.
        """
        found: dict[str, Correlation] = {}
        for one in self.entrants:
            with suppress(BadRequest):
                found[one.name] = correlation(one.method)
        return {
            name: {
                "field.inside": one.inside.value,
                "field.across": one.across.value,
                "field.exact": one.exact,
            }
            for name, one in found.items()
        }

    def _groups(self, judged: Sequence[Judged], crew: Crew) -> Iterator[Group]:
        """Distances of all pictures of an entrant at a size from true ones of the same captions."""
        for size in self.sizes:
            known = [one for one in self.cases if self.workshop.knows(one.prompt)]
            cases = [case for case in known if case.size == size]
            true = list(crew.map(partial(self.judge.truths, count=self.truths), cases))
            for name in dict.fromkeys(one.row.entrant for one in judged):
                painted = [
                    one.described
                    for one in judged
                    if one.described and (one.row.entrant, one.row.size) == (name, str(size))
                ]
                if len(painted) > 1:  # one picture is no population
                    yield Group(entrant=name, size=str(size), measures=_distances(painted, true))


def _distances(painted: Sequence[Described], true: Sequence[Described]) -> dict[str, float]:
    whole, patches = (torch.cat(each) for each in zip(*painted, strict=True))
    true_whole, true_patches = (torch.cat(each) for each in zip(*true, strict=True))
    return {
        "truth.frechet": frechet(whole, true_whole),
        "truth.frechet_patches": frechet(patches, true_patches),
        "truth.kernel": kernel(whole, true_whole),
        "truth.kernel_patches": kernel(patches, true_patches),
    }
