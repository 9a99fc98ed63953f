"""What is asked for, checked before anything is loaded."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import torch

from muralist.canvas import Size
from muralist.denoisers import CFG
from muralist.errors import BadRequest
from muralist.guides import Reference
from muralist.methods import DemoFusion, method_from_json, method_to_json
from muralist.models import Card, Model, card
from muralist.models.blank import Blank
from muralist.query import Painter
from muralist.schedule import Schedule, schedule
from muralist.stage import Method

__all__ = ["Request"]


@dataclass(frozen=True, kw_only=True)
class Request:
    """One picture.

    `height` and `width` are pixels, multiples of the model's factor, four native sides each if
    unset. Steps and guidance scale default to what suits the model. Every number drawn is a
    function of `seed` (0 to 2^63 - 1). `batch_size` is how many views the network sees at once: it
    changes memory and speed, not the picture.

    Raises `BadRequest` when made with anything that cannot be painted.
    """

    model: Model | str = "shapes"
    prompt: str = ""
    negative_prompt: str | None = None
    height: int | None = None
    width: int | None = None
    method: Method = field(default_factory=DemoFusion)
    num_inference_steps: int | None = None
    guidance_scale: float | None = None
    guidance_rescale: float = 0.0
    guidance_interval: tuple[float, float] = (0.0, 1.0)
    seed: int = 0
    batch_size: int = 16

    def __post_init__(self) -> None:
        for name in ("prompt", "negative_prompt"):
            value = getattr(self, name)
            if not isinstance(value, str) and not (name == "negative_prompt" and value is None):
                raise BadRequest(f"{name} is {value!r}; a text is needed")
        for name in ("height", "width", "num_inference_steps"):
            value = getattr(self, name)
            if value is not None:
                self._whole(name, value, 1, None)
        self._whole("seed", self.seed, 0, 2**63 - 1)
        self._whole("batch_size", self.batch_size, 1, None)
        for name in ("guidance_scale", "guidance_rescale"):
            value = getattr(self, name)
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if value is not None and not (number and math.isfinite(value)):
                raise BadRequest(f"{name} is {value!r}; a finite number is needed")
        if not hasattr(self.method, "stages"):
            raise BadRequest(f"method is {self.method!r}; DemoFusion() for example is needed")
        self._check_stages()

    def _whole(self, name: str, value: Any, low: int, high: int | None) -> None:
        whole = isinstance(value, int) and not isinstance(value, bool)
        if not whole or value < low or (high is not None and value > high):
            end = f"from {low} to {high}" if high is not None else f"of at least {low}"
            raise BadRequest(f"{name} is {value!r}; a whole number {end} is needed")

    def _check_stages(self) -> None:
        steps, blank = self.schedule, self.guided(Blank(self.card.native))
        for stage in self.method.stages(blank, self.size):
            steps.entered(stage.strength)
            nothing = torch.empty(1, self.card.channels, *stage.size, device="meta")
            stage.denoiser(Reference(nothing, nothing))  # raises where a part cannot be made

    @property
    def card(self) -> Card:
        return card(self.model) if isinstance(self.model, str) else self.model.card

    @property
    def size(self) -> Size:
        """Of the canvas, in latent cells."""
        card = self.card
        height = self.height or 4 * card.native.height * card.factor
        width = self.width or 4 * card.native.width * card.factor
        return card.latent(height, width)

    @property
    def schedule(self) -> Schedule:
        card = self.card
        return schedule(card.scheduler, self.num_inference_steps or card.num_inference_steps)

    def guided(self, network: Painter) -> CFG:
        """The network as methods get it: with this request's guidance."""
        scale = self.guidance_scale
        scale = self.card.guidance_scale if scale is None else scale
        return CFG(network, scale, self.guidance_rescale, self.guidance_interval)

    def to_json(self) -> dict[str, Any]:
        """All that makes the picture, with defaults filled in, as JSON values."""
        size, factor = self.size, self.card.factor
        return {
            "model": self.card.name,
            "prompt": self.prompt,
            "negative_prompt": self.negative_prompt,
            "height": size.height * factor,
            "width": size.width * factor,
            "method": method_to_json(self.method),
            "num_inference_steps": len(self.schedule.steps),
            "guidance_scale": self.guided(Blank(self.card.native)).scale,
            "guidance_rescale": self.guidance_rescale,
            "guidance_interval": list(self.guidance_interval),
            "seed": self.seed,
        }

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> "Request":
        """The request whose `to_json` this is."""
        return cls(**cls.arguments(given))

    @classmethod
    def arguments(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments that make the request whose `to_json` this is."""
        known = {field.name for field in fields(cls)} & set(given)
        if not {"model", "prompt", "method"} <= known:
            raise BadRequest("these are no settings of a picture")
        arguments = {name: given[name] for name in known}
        arguments["method"] = method_from_json(given["method"])
        if "guidance_interval" in arguments:
            arguments["guidance_interval"] = tuple(given["guidance_interval"])
        return arguments
