"""How fast models paint here, learnt from every stage that was painted."""

import json
import math
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from muralist.planning import StagePlan, Work
from muralist.request import Request

__all__ = ["Rates"]


class Rates:
    """Seconds of a cell that the network sees, by model and by how many rows it sees at once.

    A few rows at once are slower for each than many: a stage is told by the rate of the stage that
    was nearest to it in that. Kept in a file, which may be lost: then they are learnt again.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._known: dict[str, dict[str, float]] = {}
        with suppress(OSError, ValueError, AttributeError):
            content = json.loads(file.read_text())
            self._known = {
                str(model): {str(int(rows)): float(rate) for rows, rate in rates.items()}
                for model, rates in content.items()
            }

    def learn(self, request: Request, stage: StagePlan, share: float, seconds: float) -> None:
        """A share of a stage, 0 to 1, took so long."""
        seen = _cells(stage) * share
        if seen <= 0 or seconds <= 0:
            return
        name, rate = _named(request), {str(_rows(stage)): seconds / seen}
        # others read meanwhile: what they hold stays as it is
        self._known = {**self._known, name: {**self._known.get(name, {}), **rate}}
        unfinished = self._file.with_name(f".{self._file.name}")
        unfinished.write_text(json.dumps(self._known, indent=1))
        unfinished.replace(self._file)

    def knows(self, request: Request) -> bool:
        """Whether anything was painted by its model yet."""
        return _named(request) in self._known

    def seconds(self, request: Request, work: Work, stages: int = 0) -> float | None:
        """How long a request takes but for decoding, once so many stages are there.

        None where nothing was painted by its model yet.
        """
        rates = self._known.get(_named(request))
        if not rates:
            return None
        return sum(_nearest(rates, _rows(stage)) * _cells(stage) for stage in work.stages[stages:])


def _named(request: Request) -> str:
    """What rates are kept by: another device or dtype is another server's flags, learnt anew."""
    name: Any = request.card.checkpoint.to_json()
    return name if isinstance(name, str) else json.dumps(name, sort_keys=True)


def _cells(stage: StagePlan) -> float:
    return sum(call.rows * call.size.area * times for call, times in stage.calls.items())


def _rows(stage: StagePlan) -> int:
    return max(call.rows for call in stage.calls)


def _nearest(rates: Mapping[str, float], rows: int) -> float:
    return rates[min(rates, key=lambda known: abs(math.log(int(known) / rows)))]
