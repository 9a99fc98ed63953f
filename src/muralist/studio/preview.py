"""How a picture looks while it is painted."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from muralist.canvas import Size
from muralist.codec import ModelCodec
from muralist.models import Model
from muralist.sinks import panel

__all__ = ["Previews", "glimpse", "write_jpeg"]

_SHARE = 0.05  # of the time that painting takes
_OFTEN = 1.0  # seconds between two, at least


def glimpse(model: Model, x0: Tensor) -> np.ndarray:
    """The clean picture as estimated, `height width 3`, uint8, no larger than a native one.

    Latents `1 C H W` are averaged before they are decoded: that costs what a native picture does,
    of a canvas of any size.
    """
    height, width = x0.shape[-2:]
    share = min((model.card.native.area / (height * width)) ** 0.5, 1)
    size = Size(*(max(round(side * share), 1) for side in (height, width)))
    small = x0 if size == (height, width) else F.interpolate(x0.float(), tuple(size), mode="area")
    return ModelCodec(model).picture(small)


@dataclass
class Previews:
    """Writes a preview from time to time: they take a small share of the time, however slow."""

    file: Path
    clock: Callable[[], float] = time.monotonic
    number: int = 0  # counted up with each; of the one that is there
    _due: float = field(default=0.0, repr=False)

    def show(self, model: Model, x0: Tensor) -> None:
        """Writes one, if it is time."""
        began = self.clock()
        if began < self._due:
            return
        write_jpeg(glimpse(model, x0), self.file)
        self.number += 1
        ended = self.clock()
        self._due = ended + max(_OFTEN, (ended - began) / _SHARE)


def write_jpeg(pixels: np.ndarray, path: Path, side: int = 4096) -> None:
    """A picture shrunk to `side` pixels at most; whole, or the one before."""
    unfinished = path.with_name(f".{path.name}")
    Image.fromarray(panel(pixels, side)).save(unfinished, "JPEG", quality=88)
    unfinished.replace(path)
