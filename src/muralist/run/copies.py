"""Batches to a device and back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from muralist.canvas import View, gather
from muralist.query import Estimate

__all__ = ["Answer", "AtOnce", "Copies", "Pinned", "copies"]


@dataclass(frozen=True, eq=False)
class Answer:
    """What was answered about a batch, once `ready` has happened; at most `rows` at a time."""

    estimate: Estimate
    rows: int
    ready: torch.Event | None = None

    def settled(self) -> Estimate:
        """The estimate, waited for."""
        if self.ready is not None:
            self.ready.synchronize()
        return self.estimate

    def __reduce__(self) -> tuple:
        return Answer, (self.settled(), self.rows)


class Copies(Protocol):
    """How batches go from a canvas to a device, and answers back to where the batch was."""

    @property
    def ahead(self) -> int:
        """How many batches are begun before the answers of one are waited for."""
        ...

    def gathered(self, x: Tensor, views: Sequence[View], /) -> Tensor: ...

    def there(self, patches: Tensor, device: torch.device, /) -> Tensor: ...

    def back(self, estimate: Estimate, home: torch.device, rows: int, /) -> Answer: ...


@dataclass(frozen=True)
class AtOnce:
    """Each copy is waited for, if there is any."""

    ahead: int = 0

    def gathered(self, x: Tensor, views: Sequence[View]) -> Tensor:
        return gather(x, views)

    def there(self, patches: Tensor, device: torch.device) -> Tensor:
        return patches.to(device)

    def back(self, estimate: Estimate, home: torch.device, rows: int) -> Answer:
        return Answer(Estimate(*(each.to(home) for each in estimate)), rows)


@dataclass(frozen=True)
class Pinned:
    """From host memory to CUDA and back, while the device is at work on the batch before."""

    ahead: int = 1

    def gathered(self, x: Tensor, views: Sequence[View]) -> Tensor:
        return gather(x, views).pin_memory()

    def there(self, patches: Tensor, device: torch.device) -> Tensor:
        return patches.to(device, non_blocking=True)

    def back(self, estimate: Estimate, home: torch.device, rows: int) -> Answer:
        there = (
            torch.empty(each.shape, dtype=each.dtype, device=home, pin_memory=True)
            for each in estimate
        )
        pairs = zip(there, estimate, strict=True)
        copied = Estimate(*(to.copy_(each, non_blocking=True) for to, each in pairs))
        device = estimate.x.device
        ready = torch.Event(device)
        ready.record(torch.cuda.current_stream(device))  # of another device it would come early
        return Answer(copied, rows, ready)


def copies(home: torch.device, device: torch.device) -> Copies:
    """What suits a canvas on `home` and a network on `device`."""
    return Pinned() if (home.type, device.type) == ("cpu", "cuda") else AtOnce()
