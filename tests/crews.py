"""Teams for tests: workers of this very process, whose order of work is known."""

from collections import deque
from collections.abc import Mapping
from typing import NamedTuple

from muralist.run.task import Bench, Result, Task
from muralist.run.wire import Packed, packed, unpacked


class Given(NamedTuple):
    """What a worker was given."""

    worker: int
    size: int  # bytes
    function: bool  # whether one came with it
    tensors: int  # how many


class Benches:
    """Workers that get bytes as others do; each does a task whenever somebody listens.

    `lives` is how many tasks a worker does before it dies, endless if unset.
    """

    def __init__(self, count: int, lives: Mapping[int, int] | None = None) -> None:
        self.benches = [Bench() for _ in range(count)]
        self.lives = dict(lives or {})
        self.inboxes: list[deque[Packed]] = [deque() for _ in range(count)]
        self.given: list[Given] = []
        self.closed = False

    def __len__(self) -> int:
        return len(self.benches)

    @property
    def loads(self) -> list[int]:
        """How many tasks each has."""
        return [len(inbox) for inbox in self.inboxes]

    def give(self, worker: int, task: Task) -> None:
        parcel = packed(task)
        self.given.append(Given(worker, parcel.size, task.code is not None, len(task.tensors)))
        self.inboxes[worker].append(parcel)

    def heard(self, wait: bool) -> list[tuple[int, Result | None]]:
        return [(at, self._said(at)) for at, inbox in enumerate(self.inboxes) if inbox]

    def _said(self, worker: int) -> Result | None:
        if self.lives.get(worker) == 0:
            self.inboxes[worker].clear()
            return None
        self.lives[worker] = self.lives.get(worker, -1) - 1
        task = unpacked(self.inboxes[worker].popleft())
        return unpacked(self.benches[worker].reply(task))

    def close(self) -> None:
        self.closed = True
