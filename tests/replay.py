"""Recorded noise and recorded views in the place of drawn ones."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from torch import Tensor

from muralist.canvas import Size, View
from muralist.query import Painter, Query
from muralist.stage import Method, Stage
from muralist.views import Grid


def noise(recorded: Mapping[str, Tensor]) -> Callable[[str, tuple[int, ...]], Tensor]:
    """The `noise=` argument that answers `base`, `stage-2`, ... with tensors by those names."""

    def answer(purpose: str, shape: tuple[int, ...]) -> Tensor:
        assert tuple(recorded[purpose].shape) == tuple(shape)
        return recorded[purpose]

    return answer


@dataclasses.dataclass(frozen=True)
class Replayed:
    """A method as it is, but for its views of a `kind`, which are those of `views(query)`."""

    method: Method
    views: Callable[[Query], list[View]]
    kind: type = Grid

    def stages(self, model: Painter, size: Size) -> Iterator[Stage]:
        return self._replayed(self.method.stages(model, size))

    def enlarge(self, model: Painter, start: Size, size: Size) -> Iterator[Stage]:
        return self._replayed(self.method.enlarge(model, start, size))

    def _replayed(self, stages: Iterator[Stage]) -> Iterator[Stage]:
        for stage in stages:
            make = stage.denoiser
            yield dataclasses.replace(
                stage, denoiser=lambda ref, make=make: swapped(make(ref), self.kind, self.views)
            )


def swapped(expression: Any, kind: type, other: Any) -> Any:
    """The expression with every part of `kind` replaced: expressions are trees of dataclasses."""
    if isinstance(expression, kind):
        return other
    if not dataclasses.is_dataclass(expression) or isinstance(expression, type):
        return expression
    fields = {f.name: getattr(expression, f.name) for f in dataclasses.fields(expression)}
    changed = {name: swapped(value, kind, other) for name, value in fields.items()}
    return dataclasses.replace(
        expression, **{name: changed[name] for name in fields if changed[name] is not fields[name]}
    )
