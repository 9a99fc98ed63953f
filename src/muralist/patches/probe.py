"""Where each token of the prompt is looked at from: cross-attention, recorded as a running mean."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from muralist.query import Query

__all__ = ["Probe"]

_BEST = 4  # latent cells per cell of the maps, along one side: neither coarse nor noisy


class Probe:
    """Records the prompt's cross-attention, at a quarter of the latents' resolution or near it.

    A patch: `with probe(network, x, q)` listens to the cross-attention layers of a UNet at that
    level, on its way down and up, and forgets all but their mean over layers, heads, rows and
    steps (Lin et al., 2024). Layers compute as they always do: only the weights of those that
    are recorded are computed a second time. The rows of the negative prompt are not recorded.
    """

    def __init__(self) -> None:
        self._total: Tensor | None = None
        self._count = 0
        self._read: tuple[int, Tensor] | None = None  # the maps of so many recordings

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_read": None}  # what can be read again

    @property
    def maps(self) -> Tensor | None:
        """`tokens rows columns` on the CPU, the prompt's positions first; None before any.

        Fetched from the device once, when the recording is over.
        """
        if self._total is None:
            return None
        if self._read is None or self._read[0] != self._count:
            self._read = self._count, (self._total / self._count).cpu()
        return self._read[1]

    def state(self) -> dict[str, Tensor]:
        """What was recorded so far; recording goes on in other tensors."""
        if self._total is None:
            return {}
        return {"total": self._total, "count": torch.tensor(self._count)}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Goes on from a state."""
        self._total, self._count = state.get("total"), int(state.get("count", 0))
        self._read = None

    @contextmanager
    def __call__(self, network: nn.Module, x: Tensor, q: Query) -> Iterator[None]:
        cells, layers = _layers(network)
        size = [-(-side // cells) for side in x.shape[-2:]]

        heard = set()

        def listen(layer: Any, args: tuple, named: dict) -> None:
            if layer in heard:  # diffusers' guiders ask several times, with the prompt first
                return
            heard.add(layer)
            rows = slice(-len(x), None)  # CFG asks once, the prompt's rows behind the others
            told = named["encoder_hidden_states"]
            words = told[0] if isinstance(told, tuple) else told  # beside IP-Adapters' pictures
            self._record(layer, args[0][rows], words[rows], size)

        handles = [layer.register_forward_pre_hook(listen, with_kwargs=True) for layer in layers]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    @torch.no_grad()
    def _record(self, layer: Any, pixels: Tensor, tokens: Tensor, size: list[int]) -> None:
        queries, keys = (
            made.unflatten(-1, (layer.heads, -1)).transpose(1, 2).float()
            for made in (layer.to_q(pixels), layer.to_k(tokens))
        )
        scores = queries @ keys.transpose(2, 3) * layer.scale  # rows heads pixels tokens
        seen = scores.softmax(-1).mean((0, 1)).T.unflatten(1, size)
        self._total = seen if self._total is None else self._total.to(seen.device) + seen
        self._count += 1


def _layers(network: nn.Module) -> tuple[int, list[nn.Module]]:
    """The cross-attention layers of the best level, and its latent cells per cell, one side."""
    levels: dict[int, list[nn.Module]] = {}
    for name, module in network.named_modules():
        way, _, rest = name.partition(".")
        if way in ("down_blocks", "up_blocks") and name.endswith("attn2"):
            block, last = int(rest.partition(".")[0]), len(network.get_submodule(way)) - 1  # type: ignore
            halvings = block if way == "down_blocks" else last - block
            levels.setdefault(2**halvings, []).append(module)
    if not levels:
        return 1, []
    cells = min(levels, key=lambda each: abs(math.log(each / _BEST)))
    return cells, levels[cells]
