"""Objects to bytes and back; tensors and arrays lie beside them as they are in memory."""

import io
import pickle
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Tensor

__all__ = ["Bytes", "Packed", "packed", "unpacked"]

Bytes: TypeAlias = bytes | bytearray | memoryview


class Packed(NamedTuple):
    """An object without its large parts, and those."""

    head: bytes
    parts: Sequence[Bytes]

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.head) + sum(memoryview(part).nbytes for part in self.parts)


def packed(thing: Any, *, known: Callable[[Tensor], int | None] = lambda _: None) -> Packed:
    """`thing` for another process. Of tensors that are `known` by a number, the number goes.

    Tensors go through host memory, only the values they show. Devices go by their kind: what is on
    a GPU here arrives on the GPU of the process there.
    """
    parts: list[pickle.PickleBuffer] = []
    file = io.BytesIO()
    _Packing(file, parts, known).dump(thing)
    return Packed(file.getvalue(), [part.raw() for part in parts])


def unpacked(what: Packed, known: Mapping[int, Tensor] | None = None) -> Any:
    """What was packed; `known` are the tensors by their numbers."""
    return _Unpacking(io.BytesIO(what.head), what.parts, known or {}).load()


class _Packing(pickle.Pickler):
    def __init__(
        self,
        file: io.BytesIO,
        parts: list[pickle.PickleBuffer],
        known: Callable[[Tensor], int | None],
    ) -> None:
        super().__init__(file, protocol=5, buffer_callback=parts.append)
        self._known = known

    def persistent_id(self, obj: Any) -> int | None:
        return self._known(obj) if isinstance(obj, Tensor) else None

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, torch.device):
            return torch.device, (obj.type,)
        if not isinstance(obj, Tensor):
            return NotImplemented
        # torch's own way would send all that a view is a view of
        values = obj.detach().cpu().contiguous().view(-1).view(torch.uint8)
        data = pickle.PickleBuffer(values.numpy().data)
        return _tensor, (data, obj.dtype, tuple(obj.shape), obj.device.type)


class _Unpacking(pickle.Unpickler):
    def __init__(
        self, file: io.BytesIO, parts: Sequence[Bytes], known: Mapping[int, Tensor]
    ) -> None:
        super().__init__(file, buffers=parts)
        self._tensors = known

    def persistent_load(self, pid: Any) -> Tensor:
        return self._tensors[pid]


def _tensor(data: Bytes, dtype: torch.dtype, shape: tuple[int, ...], device: str) -> Tensor:
    view = memoryview(data)
    if not view.nbytes:
        return torch.empty(shape, dtype=dtype, device=device)
    writable = bytearray(view) if view.readonly else view  # a tensor is never read-only
    return torch.frombuffer(writable, dtype=dtype).view(shape).to(device)
