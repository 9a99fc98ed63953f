"""Who does what: orders shared out among workers, and again when one of them dies."""

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import Any, NamedTuple, Protocol

from muralist.errors import WorkersLost
from muralist.run.task import Briefing, Function, Functions, Result, Task

__all__ = ["Crew", "Nobody", "Team"]

_log = logging.getLogger(__name__)

_EACH = 2  # orders a worker has at a time: one to do, one to go on with
_HERE = -1  # the number of this process, where it computes, too


class Team(Protocol):
    """Workers of one kind, numbered from 0; each does its tasks one after another."""

    def __len__(self) -> int: ...

    def give(self, worker: int, task: Task) -> None:
        """Returns before the task is done. A worker that is dead by now is soon heard of."""
        ...

    def heard(self, wait: bool) -> list[tuple[int, Result | None]]:
        """What workers have said since, None from one that died; waits until one does, if told."""
        ...

    def close(self) -> None:
        """Lets the workers go."""
        ...


class Nobody:
    """The team of who works alone."""

    def __len__(self) -> int:
        return 0

    def give(self, worker: int, task: Task) -> None:
        raise AssertionError("there is nobody to give it to")

    def heard(self, wait: bool) -> list[tuple[int, Result | None]]:
        return []

    def close(self) -> None:
        pass


class Crew:
    """Does a function to many things, as `map` does, by many hands.

    What is mapped travels to a worker and its answers back; the function, which has to be
    picklable, travels once to each worker, as long as it is an equal one, and so does every large
    tensor in it, for as long as it lives here. With `here` this process is one of the hands, and
    takes an order once the others have one each. What a worker that dies has left undone is done
    again by the others.

    Whatever a function raises is raised here. Raises `WorkersLost` when nobody is left, and
    `BadRequest` for a function that cannot travel.
    """

    def __init__(self, team: Team, here: bool = True) -> None:
        self._team, self._functions = team, Functions()
        self._load = {worker: 0 for worker in range(len(team))}  # of those that live
        self._briefings = [Briefing(self._functions) for _ in self._load]
        self._given: dict[int, _Given] = {}  # by ticket
        self._here, self._tickets = here, 0

    def __len__(self) -> int:
        """How many compute."""
        return len(self._load) + self._here

    def __enter__(self) -> "Crew":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._team.close()

    def map(self, function: Callable[[Any], Any], orders: Iterable[Any]) -> Iterator[Any]:
        """As the builtin: in order, and lazily but for what is in hand."""
        done: dict[int, Any] = {}
        first = 0
        for number, answer in self.completed(function, orders):
            done[number] = answer
            while first in done:
                yield done.pop(first)
                first += 1

    def completed(
        self, function: Callable[[Any], Any], orders: Iterable[Any]
    ) -> Iterator[tuple[int, Any]]:
        """Answers as they come, with the numbers of their orders, counted from 0.

        No order is begun that is far ahead of the oldest that is not done: what has to wait for
        its turn is no more than a few for each worker.
        """
        call = _Call(function, orders, self._functions)
        try:
            while self._share_out(call):
                if call.mine is not None:  # the others have enough to do
                    number, order = call.mine
                    call.mine = None
                    call.finish(number, Result(0, function(order)))
                    del order
                self._listen(wait=not call.done)
                while call.done:
                    number, result = call.done.popleft()
                    yield number, result.given()
        finally:
            call.over = True

    def warm(self, function: Callable[[Any], Any], order: Any) -> None:
        """Has every worker do it, while things go on here; what comes of it is nobody's concern."""
        call = _Call(function, (), self._functions)
        call.over = True
        for worker in self._load:
            self._give(worker, call, 0, order)

    def _share_out(self, call: "_Call") -> bool:
        """Gives each order to whoever has least to do; false when all orders are done."""
        ahead = (_EACH + 1) * len(self)
        while (worker := self._free(call)) is not None and (order := call.next(ahead)):
            if worker == _HERE:
                call.mine = order
            else:
                self._give(worker, call, *order)
        if not len(self) and (call.open or call.next(1)):
            raise WorkersLost(
                "all workers died, often for want of memory; a run that has a job can be taken up,"
                " with fewer of them"
            )
        return bool(call.open)

    def _free(self, call: "_Call") -> int | None:
        """Who takes the next order: this process when the others have more to do."""
        loads = {worker: load for worker, load in self._load.items() if load < _EACH}
        if self._here and call.mine is None:
            loads[_HERE] = 0
        return min(loads, key=lambda worker: loads[worker], default=None)

    def _give(self, worker: int, call: "_Call", number: int, order: Any) -> None:
        self._tickets += 1
        task = self._briefings[worker].task(self._tickets, call.described, order)
        self._given[task.ticket] = _Given(worker, call, number, order)
        self._load[worker] += 1
        self._team.give(worker, task)

    def _listen(self, wait: bool) -> None:
        for worker, result in self._team.heard(wait and bool(self._given)):
            if result is None:
                self._bury(worker)
                continue
            given = self._given.pop(result.ticket)
            self._load[worker] -= 1
            if not given.call.over:
                given.call.finish(given.number, result)

    def _bury(self, worker: int) -> None:
        del self._load[worker]
        _log.warning("a worker died; what it had to do is done by those left: %d", len(self))
        for ticket, given in list(self._given.items()):
            if given.worker == worker:
                del self._given[ticket]
                given.call.again.append((given.number, given.order))


class _Given(NamedTuple):
    """An order in a worker's hands."""

    worker: int
    call: "_Call"
    number: int
    order: Any


class _Call:
    """One function and its orders, as far as they are."""

    def __init__(
        self, function: Callable[[Any], Any], orders: Iterable[Any], functions: Functions
    ) -> None:
        self.function, self._functions = function, functions
        self._orders = iter(orders)
        self._count = 0
        self.again: list[tuple[int, Any]] = []  # what the dead have left
        self.mine: tuple[int, Any] | None = None  # what this process does next
        self.open: set[int] = set()  # begun and not done
        self.done: deque[tuple[int, Result]] = deque()
        self.over = False  # nobody waits for the rest

    @cached_property
    def described(self) -> Function:
        return self._functions.described(self.function)

    def next(self, ahead: int) -> tuple[int, Any] | None:
        """The next order to be done, if there is one and it is not too far ahead."""
        if self.again:
            return self.again.pop(0)
        if self.open and self._count - min(self.open) >= ahead:
            return None
        for order in self._orders:
            number = self._count
            self._count += 1
            self.open.add(number)
            return number, order
        return None

    def finish(self, number: int, result: Result) -> None:
        self.open.remove(number)
        self.done.append((number, result))
