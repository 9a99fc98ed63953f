"""An exact denoiser of a random texture, for laws, seams in numbers, and first steps."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from muralist.canvas import Size
from muralist.models.base import Card
from muralist.models.checkpoint import Checkpoint
from muralist.models.prompt import Prompt
from muralist.query import Cond, Estimate, Query

__all__ = ["Toy"]

_CARD = Card(
    checkpoint=Checkpoint("toy"),
    pipeline="",
    native=Size(16, 16),
    factor=1,
    channels=3,
    num_inference_steps=25,
    guidance_scale=1.0,
    decoder_width=3,
    scheduler={
        "_class_name": "DDIMScheduler",
        "beta_start": 0.00085,
        "beta_end": 0.012,
        "beta_schedule": "scaled_linear",
        "clip_sample": False,
        "num_train_timesteps": 1000,
        "prediction_type": "epsilon",
        "steps_offset": 1,
        "timestep_spacing": "leading",
    },
)


@dataclass(frozen=True)
class Toy:
    """A Gaussian random field with covariance exp(-(|dy| + |dx|) / length), per channel.

    The mean of x0 given x is a linear filter, computed here without error for a view of any size
    and spacing that lies on the canvas, where x is and in its dtype. What a method paints with it
    differs from a true field only by what the method does, so that repetition and seams can be
    measured. It knows no prompts.
    """

    length: float = 4.0
    card: Card = _CARD
    network: None = None

    @property
    def native(self) -> Size:
        return self.card.native

    @property
    def device(self) -> torch.device:
        return torch.device("cpu")

    def __call__(self, x: Tensor, q: Query) -> Estimate:
        spacing = {view.step for view in q.views} or {1}
        assert len(spacing) == 1, "a batch holds views of one spacing"
        return Estimate(x, self._posterior(x, q.step.alpha, q.step.sigma, *spacing))

    def _posterior(self, x: Tensor, alpha: float, sigma: float, spacing: int) -> Tensor:
        """The mean of x0 given x = alpha * x0 + sigma * noise (Wiener, 1949)."""
        over, rows = (part.to(x) for part in _modes(x.shape[-2], spacing, self.length))
        across, cols = (part.to(x) for part in _modes(x.shape[-1], spacing, self.length))
        power = over[:, None] * across
        modes = rows.T @ x @ cols
        return rows @ (modes * (alpha * power / (alpha**2 * power + sigma**2))) @ cols.T

    def encode(self, prompt: Prompt) -> tuple[Cond, Cond]:
        nothing = Cond(torch.zeros(1, 1, 1))
        return nothing, nothing

    def decode(self, latents: Tensor) -> Tensor:
        """The three channels as colours: two standard deviations fill the range."""
        return latents / 4 + 0.5

    def encode_pixels(self, pixels: Tensor) -> Tensor:
        return (pixels - 0.5) * 4

    def upcast(self) -> AbstractContextManager[None]:
        return nullcontext()

    def text(self, prompt: Prompt) -> None:
        return None

    def rest(self) -> None:
        pass

    def dropped(self, prompt: Prompt) -> dict[str, str]:
        return {}


@lru_cache(maxsize=64)
def _modes(count: int, spacing: int, length: float) -> tuple[Tensor, Tensor]:
    """Powers and axes of a line of cells: eigenvalues `count`, eigenvectors in columns, float64."""
    at = torch.arange(count, dtype=torch.float64)
    covariance = torch.exp(-(at[:, None] - at).abs() * spacing / length)
    power, vectors = torch.linalg.eigh(covariance)
    return power, vectors
