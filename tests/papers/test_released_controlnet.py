"""ControlNets against recordings of DemoFusion's and AccDiffusion's releases (float32, tiny)."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

import muralist
from muralist import AccDiffusion, AccDiffusion2, DemoFusion, Request, StageDone, Ticked
from muralist.canvas import Size, View
from muralist.decode import decoded
from muralist.query import Control, Guided
from muralist.stage import Stage
from tests import replay
from tests.papers.test_released_accdiffusion import CELL, exchanged_as_recorded  # noqa: F401
from tests.papers.test_released_code import (
    NEGATIVE,
    PAD,
    PROMPT,
    error,
    in_release_units,
    recorded_views,
)

CONTROLNET, EDGES = "demofusion_controlnet_s2_fixsigma", "accdiffusionv2_s2_fixsigma"
SCALE, EDGES_SCALE = 0.5, 0.6  # as recorded


def request(model, method, **settings) -> Request:
    return Request(
        model=model,
        prompt=PROMPT,
        negative_prompt=NEGATIVE,
        height=512,
        width=512,
        method=method,
        num_inference_steps=6,
        guidance_scale=7.5,
        **settings,
    )


def errors_of(asked: Request, record) -> dict[str, float]:
    noise = replay.noise({"base": record["init_noise"], "stage-2": record["s2_noise"]})
    errors = {}
    for event in muralist.generate(asked, noise=noise):
        if isinstance(event, Ticked) and event.stage > 1:
            key = f"s2_step{event.step - 1:02d}_latents"
            errors[key] = error(in_release_units(event, asked.model), record[key])
        if isinstance(event, StageDone):
            key = "s2_final_latents" if event.stage > 1 else "phase1_latents"
            errors[key] = error(event.result.latents, record[key])
    return errors


def by_demofusion(model, record, scale: float) -> Request:
    method = replay.Replayed(DemoFusion(crop_ids="padded"), recorded_views(record, PAD))
    image = record["control_image"].numpy()
    return request(model, method, control_image=image, controlnet_conditioning_scale=scale)


@dataclass(frozen=True)
class Drawn:
    """A method as it is, but that its edges are those of a given picture."""

    method: AccDiffusion2
    picture: np.ndarray

    def stages(self, model: Guided, size: Size) -> Iterator[Stage]:
        edges = self.method.edges(self.picture)
        for stage in self.method.stages(model, size):
            yield replace(stage, sketch=stage.sketch and (lambda _: edges))


def by_accdiffusion2(model, record) -> Request:
    boxes = (record["s2_md_views_map"] * CELL - PAD).tolist()
    views = [View(top, left, end - top, right - left) for top, end, left, right in boxes]
    released = AccDiffusion(c=0.42, prompts="tokens", demofusion=DemoFusion(crop_ids="padded"))
    # edges hang on single shades, and a few of ours are rounded the other way
    picture = recorded_picture(model, record)
    told = AccDiffusion2(controlnet_conditioning_scale=EDGES_SCALE, accdiffusion=released)
    method = Drawn(told, picture)
    return request(model, replay.Replayed(method, lambda q: views))


@torch.no_grad()
def recorded_picture(model, record) -> np.ndarray:
    """That of the recorded first stage."""
    return decoded(model, record["phase1_latents"])


@contextmanager
def conditions(model) -> Iterator[list[Tensor]]:
    """What the first ControlNet is shown, call by call."""
    seen: list[Tensor] = []
    handle = model.pipe.controlnet.nets[0].register_forward_pre_hook(
        lambda net, args, named: seen.append(named["controlnet_cond"]), with_kwargs=True
    )
    try:
        yield seen
    finally:
        handle.remove()


def samples(shown: Tensor) -> Tensor:
    """What is recorded of a call: every fourth pixel of the first two views."""
    return shown[:2, :, ::4, ::4].cpu()


def test_demofusion_with_a_controlnet_equals_the_release(tiny_controlled, golden):
    record = golden(CONTROLNET)
    with conditions(tiny_controlled) as seen:
        errors = errors_of(by_demofusion(tiny_controlled, record, SCALE), record)
    assert len(errors) == 8
    assert max(errors.values()) < 1e-4, errors
    strided, windows = seen[6:8]  # after the first stage's steps
    torch.testing.assert_close(samples(windows), record["window_conditions"], atol=1e-5, rtol=0)
    torch.testing.assert_close(samples(strided), record["strided_conditions"], atol=1e-5, rtol=0)


def test_the_recording_is_missed_at_another_scale(tiny_controlled, golden):
    """So that the comparison above can fail."""
    record = golden(CONTROLNET)
    asked = by_demofusion(tiny_controlled, record, SCALE + 0.01)
    assert errors_of(asked, record)["s2_final_latents"] > 1e-3


def test_accdiffusion2_equals_the_release(
    tiny_controlled,
    golden,
    exchanged_as_recorded,  # noqa: F811
):
    record = golden(EDGES)
    exchanged_as_recorded(record)
    with conditions(tiny_controlled) as seen:
        errors = errors_of(by_accdiffusion2(tiny_controlled, record), record)
    assert len(errors) == 8
    assert max(errors.values()) < 1e-4, errors
    assert len(seen) == 6  # windows alone: one batch a step, and none in the first stage
    torch.testing.assert_close(samples(seen[0]), record["window_conditions"], atol=1e-5, rtol=0)


def test_edges_are_drawn_of_the_last_picture(tiny_controlled, golden):
    """A few shades are rounded the other way than in the recorded picture, and no more."""
    record, drawn = golden(EDGES), []
    stages = list(AccDiffusion2().stages(tiny_controlled, Size(64, 64)))
    assert [stage.sketch is None for stage in stages] == [True, False]
    method = Noting(AccDiffusion2(), drawn)
    asked = request(tiny_controlled, method)
    noise = replay.noise({"base": record["init_noise"], "stage-2": record["s2_noise"]})
    next(e for e in muralist.generate(asked, noise=noise) if isinstance(e, Ticked) and e.stage == 2)
    away = np.abs(drawn[0].astype(int) - recorded_picture(tiny_controlled, record))
    assert away.max() <= 1
    assert (away > 0).mean() < 1e-3


@dataclass(frozen=True)
class Noting:
    """A method that notes the pictures it draws of."""

    method: AccDiffusion2
    drawn: list[np.ndarray]

    def stages(self, model: Guided, size: Size) -> Iterator[Stage]:
        for stage in self.method.stages(model, size):
            yield stage if stage.sketch is None else replace(stage, sketch=self.sketch)

    def sketch(self, picture: np.ndarray) -> Control:
        self.drawn.append(picture)
        return self.method.edges(picture)
