"""Pixelsmith against recordings of its published implementation (float32, tiny weights).

The recordings mix phases by angles, which loses the mean of a patch wherever the canvas's and the
reference's have opposite signs, and tell the network a patch's column for its row too. Both are
replayed here. `snapshot` is not published: it is the order-independent form, recorded from an
independent implementation.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pytest
import torch
from diffusers import UNet2DConditionModel
from torch import Tensor

import muralist
from muralist import Pixelsmith, Request, Ticked
from muralist.canvas import Size, View
from muralist.denoisers import Tiled
from muralist.guides import Checkerboard, phase
from muralist.models.prompt import Prompt
from muralist.query import Cond, Estimate, Query
from muralist.stage import Stage
from muralist.views import RandomCover, Strided
from tests import replay
from tests.conftest import DATA
from tests.papers.test_released_code import error

PATCH = 32
DDIM = {
    "_class_name": "DDIMScheduler",
    "clip_sample": False,
    "set_alpha_to_one": True,
    "timestep_spacing": "leading",
    "steps_offset": 1,
}
# steps, slider, border in cells
CASES = {"pixelsmith_2x_s3": (6, 3, 10), "pixelsmith_2x_wide_s2": (6, 2, 3)}
EVERY = pytest.mark.parametrize("name", CASES)


@dataclass(frozen=True)
class Recorded:
    """The tiny pipeline with the recorded UNet and prompts; windows are told as released."""

    inner: muralist.Model
    record: Mapping[str, Tensor]
    true_ids: bool = False

    def __getattr__(self, name: str):
        return getattr(self.inner, name)

    @property
    def card(self):
        card = self.inner.card
        return replace(card, scheduler={**card.scheduler, **DDIM})

    def __call__(self, x: Tensor, q: Query) -> Estimate:
        told = [view if self.true_ids else view._replace(top=view.left) for view in q.views]
        return self.inner(x, replace(q, views=tuple(told)))

    def encode(self, prompt: Prompt) -> tuple[Cond, Cond]:
        of = self.record
        return (
            Cond(of["prompt_embeds"], of["pooled_prompt_embeds"]),
            Cond(of["negative_prompt_embeds"], of["negative_pooled_prompt_embeds"]),
        )


@dataclass(frozen=True)
class AsRecorded:
    """The second stage alone, from the recorded guide, on the recorded patches."""

    method: Pixelsmith
    record: Mapping[str, Tensor]

    def stages(self, model, size: Size):
        views = patches(self.record)
        *_, last = replay.Replayed(self.method, views, RandomCover).stages(model, size)
        base = Size(size.height // 2, size.width // 2)
        yield Stage(size=base, denoiser=lambda _: Tiled(model, Strided(1)))
        yield replace(last, begin=lambda *_: self.record["z"])


def patches(record: Mapping[str, Tensor]):
    def views(q: Query) -> list[View]:
        rows = record["picks"][record["picks"][:, 0] == q.step.index].tolist()
        return [View(row[4] - PATCH // 2, row[5] - PATCH // 2, PATCH, PATCH) for row in rows]

    return views


def by_angles(x: Tensor, guide: Tensor) -> Tensor:
    """The mean of two phases as the release computes it."""
    mine, theirs = (torch.fft.rfft2(each, norm="ortho") for each in (x, guide))
    angle = torch.angle(torch.exp(1j * mine.angle()) + torch.exp(1j * theirs.angle()))
    return torch.fft.irfft2(torch.polar(mine.abs(), angle), s=x.shape[-2:], norm="ortho")


@pytest.fixture
def as_released(monkeypatch):
    """Phases by angles, and recorded parities of the checkerboard."""

    def use(record):
        def parities(self, q):
            rows = record["picks"][record["picks"][:, 0] == q.step.index].tolist()
            plan = patches(record)(q)
            return [sum(rows[plan.index(view)][7:9]) % 2 for view in q.views]

        monkeypatch.setattr(Checkerboard, "parities", parities)
        monkeypatch.setattr(phase, "half_way", by_angles)

    return use


@pytest.fixture
def model_of(tiny_sdxl, device):
    """The recorded network in the place of the tiny pipeline's own."""
    from diffusers import StableDiffusionXLPipeline

    network = UNet2DConditionModel.from_pretrained(DATA / "tiny-pixelsmith-unet").to(device)
    pipe = StableDiffusionXLPipeline(**{**tiny_sdxl.pipe.components, "unet": network})
    return lambda record, **known: Recorded(muralist.wrap(pipe), record, **known)


def run(model: Recorded, name: str, key: str, **settings) -> list[float]:
    """The errors of every step."""
    record = model.record
    steps, slider, feather = CASES[name]
    height, width = (8 * side for side in record["z"].shape[-2:])
    request = Request(
        model=model,
        height=height,
        width=width,
        method=AsRecorded(Pixelsmith(slider=slider, feather=feather, **settings), record),
        num_inference_steps=steps,
        guidance_scale=7.5,
    )
    noise = {"base": torch.zeros(1, 4, height // 16, width // 16), "stage-2": record["noise"]}
    ticks = [
        event
        for event in muralist.generate(request, noise=replay.noise(noise))
        if isinstance(event, Ticked) and event.stage == 2
    ]
    return [error(tick.latents, record[key][None, tick.step - 1]) for tick in ticks]


@EVERY
def test_the_relay_equals_the_release(model_of, golden, as_released, name):
    record = golden(name)
    as_released(record)
    errors = run(model_of(record), name, "canvas_after_level", patches="relay")
    assert len(errors) == 6
    assert max(errors) < 1e-4, errors


@EVERY
def test_the_form_in_batches_equals_the_snapshot(model_of, golden, as_released, name):
    record = golden(name)
    as_released(record)
    errors = run(model_of(record), name, "snapshot_after_level", patches="random")
    assert max(errors) < 1e-4, errors


def test_the_two_forms_differ_where_phases_are_mixed(model_of, golden, as_released):
    """The release reads what earlier patches became; at the first step nothing is mixed."""
    name = "pixelsmith_2x_s3"
    as_released(record := golden(name))
    first, *others = run(model_of(record), name, "canvas_after_level", patches="random")
    assert first < 1e-4
    assert min(others) > 1e-2


def test_true_crop_coordinates_miss_the_recording(model_of, golden, as_released):
    """So that the comparisons above can fail."""
    name = "pixelsmith_2x_s3"
    as_released(record := golden(name))
    model = model_of(record, true_ids=True)
    assert max(run(model, name, "canvas_after_level", patches="relay")) > 1e-3
