"""What the Stable Diffusion families share: one call of the network, the decoder, the tokenizer."""

from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from muralist.query import Cond, Estimate, Query, Text, Token

__all__ = ["Said", "decode", "dropped", "encode_pixels", "predict", "text", "upcast"]


def predict(
    network: Any,
    x: Tensor,
    q: Query,
    device: torch.device,
    added: dict[str, Tensor] | None = None,
) -> Estimate:
    """One evaluation of a UNet, in its own dtype; x and the answer stay where x is."""
    dtype = network.dtype
    output = network(
        x.to(device, dtype),
        torch.full((len(x),), q.step.timestep, device=device),
        encoder_hidden_states=q.cond.rows(len(x)).embeds.to(device, dtype),
        added_cond_kwargs=added,
        return_dict=False,
    )[0].to(x.device, x.dtype)
    return Estimate(x, q.step.carry * x - q.step.gain * output)


def decode(vae: Any, latents: Tensor, device: torch.device) -> Tensor:
    """Latents to pixels, 0 to 1. A decoder that overflows in float16 decodes in float32."""
    with _safe(vae):
        latents = latents.to(device, vae.dtype)
        mean, deviation = _moments(vae, latents)
        scaled = latents * deviation / vae.config.scaling_factor + mean
        return vae.decode(scaled, return_dict=False)[0].float() / 2 + 0.5


def encode_pixels(vae: Any, pixels: Tensor, device: torch.device) -> Tensor:
    """Pixels, 0 to 1, to latents. An encoder that overflows in float16 encodes in float32."""
    with _safe(vae):
        encoded = vae.encode(2 * pixels.to(device, vae.dtype) - 1, return_dict=False)[0]
        latents = encoded.mode().float()
        mean, deviation = _moments(vae, latents)
        return (latents - mean) * vae.config.scaling_factor / deviation


def _moments(vae: Any, like: Tensor) -> tuple[Tensor | float, Tensor | float]:
    """Mean and standard deviation of the autoencoder's latents, where its config tells them.

    Numbers, or tensors `1 C 1 1` like the given one.
    """
    mean, deviation = (getattr(vae.config, f"latents_{each}", None) for each in ("mean", "std"))
    if mean is None or deviation is None:
        return getattr(vae.config, "shift_factor", None) or 0.0, 1.0
    mean, deviation = (like.new_tensor(each).view(1, -1, 1, 1) for each in (mean, deviation))
    return mean, deviation


@contextmanager
def upcast(vae: Any) -> Iterator[None]:
    """An autoencoder that overflows in float16 is in float32 inside, and in float16 afterwards.

    Within another such context it stays as that one has it.
    """
    overflows = vae.dtype == torch.float16 and vae.config.force_upcast
    try:
        if overflows:
            nn.Module.to(vae, torch.float32)  # its own `to` warns, and this is undone
        yield
    finally:
        if overflows:
            nn.Module.to(vae, torch.float16)


@contextmanager
def _safe(vae: Any) -> Iterator[None]:
    """The pipeline gets its autoencoder back as it was: its owner goes on using it.

    Tiles of its own are put off: they would normalise each by itself.
    """
    tiling, vae.use_tiling = vae.use_tiling, False
    try:
        with upcast(vae):
            yield
    finally:
        vae.use_tiling = tiling


class Encoder(Protocol):
    """What is needed of a model to encode a text."""

    def encode(self, prompt: str, negative_prompt: str | None) -> tuple[Cond, Cond]: ...


class Said:
    """Texts as a model encodes them, each once for as long as this is kept.

    Another process, where a pickled one goes, encodes for itself what is said there.
    """

    def __init__(self, model: Encoder) -> None:
        self._model = model
        self._said: dict[str, Cond] = {}

    def __call__(self, text: str) -> Cond:
        if text not in self._said:
            self._said[text], _ = self._model.encode(text, None)
        return self._said[text]

    def __reduce__(self) -> tuple:
        return Said, (self._model,)


def text(tokenizer: Any, prompt: str, say: Said) -> Text:
    """The prompt as the tokenizer cuts it. CLIP's tokens mark the ends of words."""
    room = tokenizer.model_max_length - 2
    ids = tokenizer(prompt, add_special_tokens=False, verbose=False).input_ids[:room]
    pieces = tokenizer.convert_ids_to_tokens(ids)
    tokens = tuple(
        Token(tokenizer.decode([one]).strip(), piece.endswith("</w>"))
        for one, piece in zip(ids, pieces, strict=True)
    )
    return Text(tokens, say)


def dropped(tokenizer: Any, prompt: str) -> str:
    """The words that do not fit between the start and the end token."""
    words = prompt.split()
    room = tokenizer.model_max_length - 2

    def tokens(count: int) -> int:
        text = " ".join(words[:count])
        return len(tokenizer(text, add_special_tokens=False, verbose=False).input_ids)

    fitting = bisect_right(range(1, len(words) + 1), room, key=tokens)
    return " ".join(words[fitting:])
