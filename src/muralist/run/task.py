"""What a worker is told: its orders, and once what many of them have in common."""

import hashlib
import pickle
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from muralist.errors import BadRequest, MuralistError
from muralist.run.wire import Packed, packed, unpacked

__all__ = ["Bench", "Briefing", "Function", "Functions", "Result", "Task"]

_LARGE = 1 << 14  # bytes from which a tensor in a function travels on its own


@dataclass(frozen=True, eq=False)
class Function:
    """A function in bytes, its large tensors beside it by their numbers.

    Equal functions of the same tensors have one name, in every process.
    """

    name: str
    code: Packed
    tensors: Mapping[int, Tensor]


class Functions:
    """Numbers the large tensors of functions, each for as long as it is there and unchanged."""

    def __init__(self) -> None:
        self._numbers: Any = WeakTensorKeyDictionary()
        self._next = count()

    def described(self, function: Callable[..., Any]) -> Function:
        """Raises `BadRequest` where a part of the function cannot leave this process."""
        tensors: dict[int, Tensor] = {}

        def known(tensor: Tensor) -> int | None:
            if tensor.nbytes < _LARGE:
                return None
            number = self._number(tensor)
            tensors[number] = tensor
            return number

        try:
            head, parts = packed(function, known=known)
        except MuralistError:
            raise
        except Exception as error:  # pickle raises whatever comes
            raise BadRequest(
                f"workers cannot be sent what they need ({error}); what a method or a model is made"
                " of has to be importable: a class or function at the top of a module"
            ) from error
        code = Packed(head, [bytes(part) for part in parts])
        digest = hashlib.blake2b(b"".join([head, *code.parts]), digest_size=16)
        return Function(digest.hexdigest(), code, tensors)

    def alive(self) -> set[int]:
        """The numbers that functions may still name."""
        return {number for number, _ in self._numbers.values()}

    def _number(self, tensor: Tensor) -> int:
        version = 0 if tensor.is_inference() else tensor._version
        number, then = self._numbers.get(tensor, (-1, -1))
        if then != version:  # new, or written over
            number = next(self._next)
            self._numbers[tensor] = number, version
        return number


class Task(NamedTuple):
    """One order for one worker, with what the worker was not told before."""

    ticket: int
    function: str  # its name
    code: Packed | None  # of the function, where it is new
    named: frozenset[int]  # the tensors that the function names
    tensors: Mapping[int, Tensor]  # those of them that are new
    gone: frozenset[int]  # those that no function will name again
    order: Any


class Briefing:
    """What one worker was told so far."""

    def __init__(self, functions: Functions) -> None:
        self._functions = functions
        self._named: dict[str, frozenset[int]] = {}  # by each function it knows
        self._tensors: frozenset[int] = frozenset()

    def task(self, ticket: int, function: Function, order: Any) -> Task:
        named = frozenset(function.tensors)
        gone = self._tensors - self._functions.alive() - named
        code = None if function.name in self._named else function.code
        new = {at: function.tensors[at] for at in named - self._tensors}
        self._named = {name: ats for name, ats in self._named.items() if not ats & gone}
        self._named[function.name] = named
        self._tensors = self._tensors - gone | named
        return Task(ticket, function.name, code, named, new, gone, order)


class Result(NamedTuple):
    """What became of a task: an answer, or an error and where it was raised."""

    ticket: int
    answer: Any
    error: Exception | None = None
    trace: str = ""

    def given(self) -> Any:
        """The answer; raises the error."""
        if self.error is not None:
            raise self.error from _InWorker(self.trace)
        return self.answer


class _InWorker(Exception):
    """The traceback of an error that was raised in another process."""

    def __str__(self) -> str:
        return f"in a worker:\n\n{self.args[0]}"


class Bench:
    """A worker's side: does tasks, and keeps what they have in common until it is gone."""

    def __init__(self) -> None:
        self._functions: dict[str, _Known] = {}
        self._tensors: dict[int, Tensor] = {}

    @torch.no_grad()
    def reply(self, task: Task) -> Packed:
        """The packed `Result`."""
        functions = self._functions.items()
        self._functions = {name: one for name, one in functions if not one.named & task.gone}
        for number in task.gone:
            self._tensors.pop(number, None)
        self._tensors.update(task.tensors)
        if task.code is not None:
            self._functions[task.function] = _Known(task.code, task.named)
        try:
            function = self._functions[task.function].function(self._tensors)
            return packed(Result(task.ticket, function(task.order)))
        except Exception as error:
            return packed(Result(task.ticket, None, _sendable(error), traceback.format_exc()))


class _Known:
    """A function that is unpacked when it is asked for, once."""

    def __init__(self, code: Packed, named: frozenset[int]) -> None:
        self.code, self.named = code, named
        self._function: Callable[[Any], Any] | None = None

    def function(self, tensors: Mapping[int, Tensor]) -> Callable[[Any], Any]:
        self._function = self._function or unpacked(self.code, tensors)
        return cast("Callable[[Any], Any]", self._function)


def _sendable(error: Exception) -> Exception:
    try:
        return pickle.loads(pickle.dumps(error))
    except Exception:  # pickle raises whatever comes
        return MuralistError(f"a worker failed: {type(error).__name__}: {error}")
