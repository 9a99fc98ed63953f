"""What a benchmark found, as data: written as JSON, and all that a report is made of."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from muralist.errors import BadRequest
from muralist.sinks.whole import move, unfinished

__all__ = ["FORMAT", "Group", "Kind", "Results", "Row", "Shown", "read", "write"]

FORMAT = 1

Kind: TypeAlias = Literal["method", "ablation", "control"]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One picture, measured. A measure that it does not have is left out."""

    entrant: str
    size: str  # width x height in pixels
    prompt: str
    seed: int
    measures: Mapping[str, float]  # by part and name: "repetition.excess"
    curves: Mapping[str, Sequence[float]]  # "truth.spectrum": one number for each band


@dataclass(frozen=True, kw_only=True)
class Group:
    """All pictures of one entrant at one size, measured together."""

    entrant: str
    size: str
    measures: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A picture to look at: its file lies beside the results."""

    entrant: str
    size: str
    prompt: str
    seed: int
    file: str  # relative


@dataclass(frozen=True, kw_only=True)
class Results:
    """Everything. Rows are in the order of prompts, sizes and entrants."""

    facts: Mapping[str, str]  # model, steps, machine, versions, the command
    entrants: Mapping[str, Kind]  # in the order they are listed in
    sizes: tuple[str, ...]
    rows: tuple[Row, ...]
    groups: tuple[Group, ...] = ()
    fields: Mapping[str, Mapping[str, float]]  # of the toy field: by method, by measure
    shown: tuple[Shown, ...] = ()

    def of(self, entrant: str, size: str) -> list[Row]:
        """The rows of one entrant at one size."""
        return [row for row in self.rows if (row.entrant, row.size) == (entrant, size)]

    def group(self, entrant: str, size: str) -> Mapping[str, float]:
        """What all pictures of an entrant at a size have in common."""
        return next(
            (one.measures for one in self.groups if (one.entrant, one.size) == (entrant, size)), {}
        )


def write(results: Results, path: Path) -> Path:
    """As JSON, whole or not at all."""
    with unfinished(path) as file:
        file.write_text(json.dumps({"format": FORMAT, **asdict(results)}, indent=1) + "\n")
        move([file], [path])
    return path


def read(path: Path) -> Results:
    """The results whose JSON this is; `BadRequest` where it is none."""
    try:
        given: dict[str, Any] = json.loads(path.read_text())
        if given.pop("format") != FORMAT:
            raise BadRequest(f"{path} is of another version of muralist")
        return Results(
            facts=given["facts"],
            entrants=given["entrants"],
            sizes=tuple(given["sizes"]),
            rows=tuple(Row(**one) for one in given["rows"]),
            groups=tuple(Group(**one) for one in given["groups"]),
            fields=given["fields"],
            shown=tuple(Shown(**one) for one in given["shown"]),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, BadRequest):
            raise
        raise BadRequest(f"{path} holds no results of a benchmark: {error}") from error
