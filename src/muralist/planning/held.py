"""Bytes held in tensors, at the peak, by who holds them."""

import weakref
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

__all__ = ["Held"]


def _any(tensor: Tensor) -> bool:
    return True


def _nothing(func: Any, args: Sequence[Any]) -> int:
    return 0


class Held(TorchDispatchMode):
    """Counts, while entered, the memory behind the tensors that operations make.

    On tensors without data (meta) it counts what they would take. `counts` says of which tensors.
    Views of a tensor are its memory, counted once, until the last of them is gone. What lay there
    before is counted once it is `named`, or seen through a new view. What an operation takes and
    gives back inside itself is not seen: `inside` says how many bytes that is, of an operation
    and its arguments.
    """

    def __init__(
        self, counts: Callable[[Tensor], bool] = _any, inside: Callable[..., int] = _nothing
    ) -> None:
        super().__init__()
        self.peak = 0  # bytes
        self.at_peak: Mapping[str, int] = {}  # bytes by name; of what has none under ""
        self._counts, self._inside = counts, inside
        self._alive: dict[int, _Storage] = {}
        self._now = Counter[str]()  # bytes by name
        self._aside = False

    def named(self, name: str, *tensors: Tensor) -> None:
        """Says who holds these tensors, from here on."""
        for tensor in tensors:
            self._note(tensor, name)
            one = self._alive[tensor.untyped_storage()._cdata]
            self._now[one.name] -= one.count
            self._now[name] += one.count
            one.name = name

    @contextmanager
    def aside(self) -> Iterator[None]:
        """What is made inside is not counted."""
        before, self._aside = self._aside, True
        try:
            yield
        finally:
            self._aside = before

    def forget_peak(self) -> None:
        """The peak is what is held now."""
        self.peak = 0
        self._look()

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if not self._aside:
            for leaf in [result] if isinstance(result, Tensor) else tree_leaves(result):
                if isinstance(leaf, Tensor) and self._counts(leaf):
                    self._note(leaf)
            if inside := self._inside(func, args):
                self._look(inside)
        return result

    def _note(self, tensor: Tensor, name: str = "") -> None:
        storage = tensor.untyped_storage()
        if (key := storage._cdata) not in self._alive:
            # the storage's own Python object lives as long as the memory does
            gone = weakref.ref(storage, partial(self._gone, key))
            self._alive[key] = _Storage(gone, storage.nbytes(), name)
            self._now[name] += storage.nbytes()
            self._look()

    def _gone(self, key: int, _: object) -> None:
        one = self._alive.pop(key)
        self._now[one.name] -= one.count

    def _look(self, inside: int = 0) -> None:
        if (total := self._now.total() + inside) > self.peak:
            self.peak, self.at_peak = total, self._now + Counter({"": inside})


@dataclass
class _Storage:
    gone: weakref.ref
    count: int  # bytes
    name: str
