"""Views in batches, here or wherever a `map` takes them."""

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Tensor

from muralist.canvas import View
from muralist.errors import OutOfMemory
from muralist.query import Denoiser, Estimate, Part, Query, Step
from muralist.run.copies import Answer, Copies, copies

__all__ = ["Ask", "Batch", "Batches", "Spread", "short_of_memory"]

_log = logging.getLogger(__name__)

Spread: TypeAlias = Callable[[Callable[[Any], Any], Iterable[Any]], Iterator[Any]]


class Batch(NamedTuple):
    """What is new with every batch, and all of a query that travels with it."""

    step: Step
    views: Sequence[View]
    patches: Tensor  # what they see: B C H W


class Batches:
    """At most `size` views at once; guidance doubles the rows of a batch.

    They are brought to `device`, whatever surrounds the network works there, and the answers are
    brought back: a canvas kept in host memory costs the device one batch, or two where they are
    copied while it works. A batch that the device has no memory for is asked again in halves, and
    from then on no larger ones are.

    `spread`, with the meaning of the builtin `map`, does the asking, by `workers` processes, which
    get equally many batches. A single view is asked here: a method may have to learn from it, as
    AccDiffusion does at the first stage, and `Relay`, which has to wait for each, gains nothing.

    Raises `OutOfMemory` where a single view is too much.
    """

    def __init__(
        self,
        size: int,
        device: torch.device,
        spread: Spread = map,
        workers: int = 1,
        copies: Callable[[torch.device, torch.device], Copies] = copies,
    ) -> None:
        self.size, self.device = size, device
        self._spread, self._workers, self._copies = spread, workers, copies

    def __call__(
        self, inner: Denoiser, x: Tensor, q: Query, views: Sequence[View]
    ) -> Iterator[Part]:
        ways = self._copies(x.device, self.device)
        ask = Ask(inner, _lasting(q), self.device, ways)
        asked: deque[Sequence[View]] = deque()

        def batches() -> Iterator[Batch]:
            for some in self._cut(views):
                asked.append(some)
                yield Batch(q.step, some, ways.gathered(x, some))

        spread = map if len(views) == 1 else self._spread
        for answer in _later(spread(ask, batches()), ways.ahead):
            some = asked.popleft()
            self._learn(len(some), answer.rows)
            settled = Estimate(*(each.to(x.device) for each in answer.settled()))
            yield from zip(some, settled.split(1), strict=True)

    def _cut(self, views: Sequence[View]) -> Iterator[Sequence[View]]:
        """Even ones: fewer shapes to compute, and nobody waits long for another."""
        rounds = -(-len(views) // (self.size * self._workers))
        count = min(rounds * self._workers, len(views))
        while views:
            count = max(count, -(-len(views) // self.size))  # which may have become smaller
            size = -(-len(views) // count)
            yield views[:size]
            views, count = views[size:], count - 1

    def _learn(self, asked: int, answered: int) -> None:
        if answered < min(asked, self.size):
            _log.warning("no memory for %d views at once; %d from now on", asked, answered)
            self.size = answered


@dataclass(frozen=True, eq=False)
class Ask:
    """Asks `inner` about batches, in halves while there is no memory for the whole.

    `about` is what a query says besides step and views: the same for all that is asked at a stage.
    """

    inner: Denoiser
    about: Mapping[str, Any]
    device: torch.device
    copies: Copies

    def __call__(self, batch: Batch) -> Answer:
        rows = len(batch.views)
        while True:
            try:
                return self._asked(batch, rows)
            except RuntimeError as error:
                if not short_of_memory(error):
                    raise
                if rows == 1:
                    view = batch.views[0]
                    raise OutOfMemory(
                        f"{self.device} has no memory for a single view of {view.width}x"
                        f"{view.height} latents; a smaller dtype or window may fit"
                    ) from error
            rows //= 2
            if self.device.type == "cuda":
                torch.cuda.empty_cache()  # what the failed batch has left in pieces

    def _asked(self, batch: Batch, rows: int) -> Answer:
        answers = []
        for at, patches in enumerate(batch.patches.split(rows)):
            views = tuple(batch.views[at * rows : (at + 1) * rows])
            run = Batches(rows, self.device)  # of what `inner` spreads over views in its turn
            q = Query(step=batch.step, views=views, places=views, run=run, **self.about)
            answers.append(self.inner(self.copies.there(patches, self.device), q))
        whole = Estimate(*map(torch.cat, zip(*answers, strict=True)))
        return self.copies.back(whole, batch.patches.device, rows)


def short_of_memory(error: BaseException) -> bool:
    """Whether a device had no room for what was asked of it."""
    told = isinstance(error, RuntimeError) and "MPS backend out of memory" in str(error)
    return told or isinstance(error, torch.OutOfMemoryError)


def _lasting(q: Query) -> Mapping[str, Any]:
    """What a query says that is the same at every step."""
    changing = ("step", "views", "places", "run")
    return {each.name: getattr(q, each.name) for each in fields(q) if each.name not in changing}


def _later(things: Iterable[Any], ahead: int) -> Iterator[Any]:
    """Each once so many after it were asked for, or there are no more."""
    waiting: deque[Any] = deque()
    for thing in things:
        waiting.append(thing)
        if len(waiting) > ahead:
            yield waiting.popleft()
    yield from waiting
