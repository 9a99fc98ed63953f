"""A word's attention becoming the prompts of windows."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import ClassVar, NamedTuple

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from muralist.canvas import View
from muralist.codec import ModelCodec
from muralist.diffuse import diffuse
from muralist.errors import BadRequest
from muralist.explain.palette import PALETTES, Palette, Theme
from muralist.explain.plate import GAP, Panel, heading, magnified, plate, room, sized
from muralist.guides import Reference
from muralist.methods import AccDiffusion, DemoFusion
from muralist.models import Model, load
from muralist.query import Query, seeded
from muralist.request import Request
from muralist.settings import setting, validate
from muralist.sinks import lit, resized
from muralist.stage import Explanation

__all__ = ["Words"]

_SIDE = 256  # pixels of the larger picture: twice as long as the embedded model's own


@dataclass(frozen=True, kw_only=True)
class Words:
    """Where a word is looked at says which windows are told it.

    While a model paints, each place of the picture looks at the words of the prompt
    (cross-attention), and one can listen: for each word there is a map of where it matters. A
    larger picture is painted through windows, and a window that is told of a circle paints a
    circle, though all it should paint is a piece of background: objects repeat. AccDiffusion (Lin
    et al., 2024) listens while the first, small picture is painted. A word belongs where it is
    looked at more than on average; and a window is told those words alone that belong to a large
    enough part of it.
    """

    prompt: str = setting("a red circle on a blue background", "what the small picture shows")
    c: float = setting(0.3, "share of a window that a word must cover to be told", low=0, high=1)
    steps: int = setting(12, "of the small picture, all of them listened to", low=1, high=50)
    seed: int = setting(1, "what is drawn at random follows from it", low=0, high=99)
    theme: Theme = setting("light", "paper")

    quick: ClassVar = False

    def __post_init__(self) -> None:
        validate(self)
        if not self.prompt.strip():
            raise BadRequest("there is no prompt; give one, for example 'a red circle'")

    def __call__(self) -> np.ndarray:
        palette, small = PALETTES[self.theme], self.heard().pixels
        base, larger = self.explained()
        looked, belongs = (
            _grid([(name, lit(small, map)) for name, map in maps], palette)
            for maps in (base.maps[::2], base.maps[1::2])
        )
        above = [
            Panel(magnified(small, room(3)), "The small picture", self.prompt),
            Panel(looked, "Where each word is looked at", "lightest where it is looked at most"),
            Panel(belongs, "Where it belongs", "where it is looked at more than on average"),
        ]
        width, whole = room(len(larger.views)), resized(small, _SIDE, _SIDE)
        below = [
            Panel(_seen(whole, view, width), "", text or "(nothing)") for view, text in larger.views
        ]
        return np.concatenate(
            [
                plate(above, 3, palette),
                heading("What each window of a picture twice as large is told", palette),
                plate(below, len(below), palette)[GAP // 2 :],
            ]
        )

    def heard(self) -> "Heard":
        """The small picture, painted once for all that is made of it."""
        return _heard(self.prompt, self.steps, self.seed)

    def explained(self) -> tuple[Explanation, Explanation]:
        """What AccDiffusion can show of its first stage, and of the windows of its second."""
        heard, request = self.heard(), asked(self.prompt, self.steps, self.seed, self.c)
        first, second = request.stages(request.guided(heard.model))
        assert second.notes and first.explain and second.explain
        second.notes.restore(heard.notes)
        q = heard.question
        return first.explain(q), second.explain(replace(q, stage=2, canvas=second.size))


class Heard(NamedTuple):
    """A small picture, and what was listened to while it was painted."""

    model: Model
    question: Query  # of its last step
    notes: Mapping[str, Tensor]
    pixels: np.ndarray


def asked(prompt: str, steps: int, seed: int, c: float = 0.3) -> Request:
    """A picture by AccDiffusion in two stages, whose windows lie in even rows."""
    return Request(
        model=_model(),
        prompt=prompt,
        height=_SIDE,
        width=_SIDE,
        method=AccDiffusion(c=c, demofusion=DemoFusion(jitter=0)),
        num_inference_steps=steps,
        seed=seed,
    )


@lru_cache(maxsize=1)
def _model() -> Model:
    return load("shapes", device="cpu")


@lru_cache(maxsize=8)
@torch.no_grad()
def _heard(prompt: str, steps: int, seed: int) -> Heard:
    """The first stage of a run, from the same noise as `generate`'s."""
    request = asked(prompt, steps, seed)
    model, schedule = _model(), request.schedule
    stage, _ = request.stages(request.guided(model))
    cond, negative = model.encode(request.told)
    q = Query(
        step=schedule.steps[-1],
        cond=cond,
        negative=negative,
        text=model.text(request.told),
        canvas=stage.size,
        final=request.size,
        seed=seed,
    )
    noise = torch.empty(1, model.card.channels, *stage.size)
    noise.normal_(generator=seeded(seed, "noise/base"))
    nothing = Reference(torch.zeros_like(noise), noise)
    x = noise * schedule.noise_scale
    for tick in diffuse(x, stage.denoiser(nothing), schedule.steps, schedule.solver, q):
        x = tick.x
    assert stage.notes
    return Heard(model, q, stage.notes.state(), ModelCodec(model).picture(x))


def _seen(whole: np.ndarray, view: View, width: int) -> np.ndarray:
    """What lies under a view of latent cells."""
    at = view.times(_model().card.factor)
    return magnified(whole[at.top : at.top + at.height, at.left : at.left + at.width], width)


def _grid(named: Sequence[tuple[str, np.ndarray]], palette: Palette) -> np.ndarray:
    """Small pictures with their names, as wide as a third of the plate, and as high or higher."""
    side, columns = room(3), min(max(math.isqrt(len(named) - 1) + 1, 3), 8)
    step, rows = side // columns, -(-len(named) // columns)
    image = Image.new("RGB", (side, max(rows * step, side)), palette.paper)
    draw, font = ImageDraw.Draw(image), sized(18)
    wide = step - 28
    for at, (name, pixels) in enumerate(named):
        top, left = (each * step for each in divmod(at, columns))
        image.paste(Image.fromarray(magnified(pixels, wide)), (left, top))
        draw.text((left, top + wide + 3), name.removesuffix(": told"), palette.ink, font)
    return np.asarray(image)
