"""The tables of a report: one for each question that a benchmark asks."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TypeGuard

from muralist.bench.catalogue import MEASURES, Measure
from muralist.bench.page import Body, Cell, Column, Table
from muralist.bench.results import Kind, Results
from muralist.bench.statistics import Mean, mean

__all__ = [
    "conditioning",
    "cost",
    "counted",
    "fields",
    "interval",
    "repetition",
    "seams",
    "summary",
    "truth",
]

# Detail stands beside every count: a blurred enlargement wins any of them.
_COUNTED = (
    "repetition.found",
    "repetition.excess",
    "truth.detail",
    "repetition.sharpness",
    "repetition.right",
)
_COMPARED = (
    "repetition.index",
    "repetition.missing",
    "repetition.wrong_colours",
    "repetition.wrong_shapes",
    "repetition.fragments",
    "repetition.drift",
    "repetition.duplicates",
    "repetition.detected",
)
_FOUND = ("repetition.detected", "repetition.duplicates")  # in any picture, of any model
_WHO = Column("", "left")
_DISTANCES = ("truth.frechet", "truth.kernel")


def summary(results: Results, entrant: str, size: str, name: str) -> Mean | None:
    """A measure's mean over an entrant's pictures of a size, clustered by prompt; None without."""
    rows = [row for row in results.of(entrant, size) if _finite(row.measures.get(name))]
    if rows:
        return mean([row.measures[name] for row in rows], [row.prompt for row in rows])
    together = results.group(entrant, size).get(name)
    if not _finite(together):
        return None
    return Mean(together, None, None, len(results.of(entrant, size)))


def repetition(results: Results, size: str) -> Table | None:
    """Objects counted at one size, and detail beside them."""
    return _table(results, _contest(results, [size]), ["repetition.base", *_COUNTED, *_COMPARED])


def counted(results: Results, size: str) -> Table | None:
    """The least of it that can be read alone."""
    parts = _contest(results, [size])
    exact = _known(results, parts, ["repetition.excess"])
    return _table(results, parts, _COUNTED if exact else (*_FOUND, *_COUNTED))


def conditioning(results: Results) -> Table | None:
    """Variants beside the methods they vary, where there are any: what it is worth to tell a model
    where a window lies.
    """
    variants = [name for name, kind in results.entrants.items() if kind == "ablation"]
    theirs = {
        name: [one for one in variants if one.startswith(f"{name}, ")] for name in results.entrants
    }
    varied = [one for name, some in theirs.items() if some for one in (name, *some)]
    sizes = [size for size in results.sizes if any(results.of(name, size) for name in variants)]
    return _table(results, [_Part(size, "ablation", varied, size) for size in sizes], _COUNTED)


def seams(results: Results) -> Table | None:
    """Borders that show."""
    return _table(results, _contest(results, results.sizes), _of_part("seams"))


def truth(results: Results) -> Table | None:
    """Distances from true pictures: of whole ones only where those of patches stand beside them."""
    parts = _contest(results, results.sizes)
    pairs = [(name, f"{name}_patches") for name in _DISTANCES]
    both = [pair for pair in pairs if len(_known(results, parts, pair)) == len(pair)]
    return _table(results, parts, [*chain(*both), "truth.texture", "truth.adherence"])


def cost(results: Results) -> Table | None:
    """What pictures took."""
    return _table(results, _contest(results, results.sizes), _of_part("cost"))


def fields(results: Results) -> Table | None:
    """Random fields, whose truth is known exactly, by the methods that painted them."""
    found = {name for values in results.fields.values() for name in values}
    measures = [one for name, one in MEASURES.items() if name in found]
    known = {
        method: [
            Mean(values[one.name], None, None, 1) if one.name in values else None
            for one in measures
        ]
        for method, values in results.fields.items()
    }
    body = Body(_lines(measures, known, contest=True))
    return Table([_WHO, *map(_column, measures)], [body]) if measures else None


@dataclass(frozen=True)
class _Part:
    """Lines that belong together: entrants of one kind at one size."""

    label: str
    kind: Kind
    entrants: Sequence[str]
    size: str


def _contest(results: Results, sizes: Sequence[str]) -> list[_Part]:
    """Methods at each size, and what they are read against, which is no competitor, below."""
    kinds: Sequence[tuple[Kind, str]] = (("method", "methods"), ("control", "null controls"))
    return [
        _Part(
            label if len(sizes) == 1 else f"{size}, {label}",
            kind,
            [name for name, one in results.entrants.items() if one == kind],
            size,
        )
        for size in sizes
        for kind, label in kinds
    ]


def _of_part(part: str) -> list[str]:
    return [name for name in MEASURES if name.startswith(f"{part}.")]


def _known(results: Results, parts: Iterable[_Part], names: Sequence[str]) -> list[str]:
    """Those that anybody has a number for."""
    asked = [(entrant, part.size) for part in parts for entrant in part.entrants]
    return [name for name in names if any(summary(results, *one, name) for one in asked)]


def _table(results: Results, parts: Sequence[_Part], names: Sequence[str]) -> Table | None:
    """What is known, for whom anything is known; None where nothing is."""
    measures = [MEASURES[name] for name in _known(results, parts, names)]
    bodies = [_body(results, part, measures) for part in parts]
    bodies = [body for body in bodies if body.lines]
    return Table([_WHO, *map(_column, measures)], bodies) if measures else None


def _body(results: Results, part: _Part, measures: Sequence[Measure]) -> Body:
    found = {
        entrant: [summary(results, entrant, part.size, one.name) for one in measures]
        for entrant in part.entrants
    }
    known = {entrant: means for entrant, means in found.items() if any(means)}
    lines = _lines(measures, known, contest=part.kind == "method")
    return Body(lines, part.label, quiet=part.kind == "control")


def _lines(
    measures: Sequence[Measure], found: Mapping[str, Sequence[Mean | None]], contest: bool
) -> list[list[Cell]]:
    """A line for each name; in a contest, the winners of each column are marked."""
    lines = [[Cell(name)] for name in found]
    for at, measure in enumerate(measures):
        means = [some[at] for some in found.values()]
        won = _winners(measure, means) if contest else [False] * len(means)
        for line, one, wins in zip(lines, means, won, strict=True):
            line.append(Cell(_written(measure, one), best=wins))
    return lines


def _winners(measure: Measure, means: Sequence[Mean | None]) -> list[bool]:
    """Who is nearest to perfect, or cannot be told from who is; nobody where nobody can.

    Nor does anybody where no interval is known: of one prompt, and of distances of populations.
    """
    known, perfect = [one for one in means if one], measure.perfect
    if perfect is None or not known or any(one.low is None for one in known):
        return [False] * len(means)
    best = min(known, key=lambda one: abs(one.mean - perfect))
    won = [one is not None and _alike(measure, one, best) for one in means]
    return [wins and sum(won) < len(known) for wins in won]


def _alike(measure: Measure, one: Mean, other: Mean) -> bool:
    """Whether intervals overlap, or numbers are written alike."""
    (low, high), (other_low, other_high) = map(interval, (one, other))
    overlap = low <= other_high and other_low <= high
    return overlap or measure.written(one.mean) == measure.written(other.mean)


def interval(one: Mean) -> tuple[float, float]:
    """Its ends; both are the mean where no interval is known."""
    if one.low is None or one.high is None:
        return one.mean, one.mean
    return one.low, one.high


def _written(measure: Measure, one: Mean | None) -> str:
    """A cell's words; pictures that are all alike tell nothing of how far they can be trusted."""
    if one is None:
        return ""
    text, (low, high) = measure.written(one.mean), interval(one)
    if not measure.interval or low == high:
        return text
    return f"{text} ({measure.written(low)} to {measure.written(high)})"


def _column(measure: Measure) -> Column:
    said = " (95 %)" if measure.interval else ""
    return Column(f"{measure.heading}{said}", meaning=f"{measure.meaning} {measure.aim}".strip())


def _finite(value: float | None) -> TypeGuard[float]:
    return value is not None and math.isfinite(value)
