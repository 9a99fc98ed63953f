"""Bytes held in tensors as large as a canvas, at the peak."""

from torch import Tensor

from muralist.planning.held import Held

__all__ = ["Canvases"]


class Canvases(Held):
    """Counts, while entered, the memory behind every `B C H W` of at least that H and W.

    With `channels`, of no more than those, and of sides below twice those: pictures, and what
    becomes of them in a decoder, are not counted then.
    """

    def __init__(self, height: int, width: int, channels: int | None = None) -> None:
        super().__init__(counts=self._is_canvas)
        self.least, self.channels = (height, width), channels

    def _is_canvas(self, tensor: Tensor) -> bool:
        if tensor.ndim != 4:  # embeddings have three dimensions
            return False
        sides = list(zip(tensor.shape[-2:], self.least, strict=True))
        if self.channels is not None:
            latent = tensor.shape[1] <= self.channels and all(has < 2 * n for has, n in sides)
            return latent and all(has >= least for has, least in sides)
        return all(has >= least for has, least in sides)
