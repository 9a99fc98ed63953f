"""Bytes held in tensors as large as a canvas, at the peak."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

__all__ = ["Canvases"]


class Canvases(TorchDispatchMode):
    """Counts, while entered, the memory behind every `B C H W` of at least that H and W.

    With `channels`, of no more than those, and of sides below twice those: pictures, and what
    becomes of them in a decoder, are not counted then.

    Views of a tensor are its memory, counted once, until the last of them is gone. What an
    operation takes and gives back inside itself is not seen.
    """

    def __init__(self, height: int, width: int, channels: int | None = None) -> None:
        super().__init__()
        self.least, self.channels = (height, width), channels
        self.peak = 0
        self._alive: dict[int, tuple[StorageWeakRef, int]] = {}

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor) and self._is_canvas(leaf):
                self._note(leaf)
        return result

    def _is_canvas(self, tensor: Tensor) -> bool:
        if tensor.ndim != 4:  # embeddings have three dimensions
            return False
        sides = list(zip(tensor.shape[-2:], self.least, strict=True))
        if self.channels is not None:
            latent = tensor.shape[1] <= self.channels and all(has < 2 * n for has, n in sides)
            return latent and all(has >= least for has, least in sides)
        return all(has >= least for has, least in sides)

    def _note(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        self._alive = {key: one for key, one in self._alive.items() if not one[0].expired()}
        self._alive[storage._cdata] = (StorageWeakRef(storage), storage.nbytes())
        self.peak = max(self.peak, sum(one[1] for one in self._alive.values()))
