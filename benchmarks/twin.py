"""A request told to the plain loops: the same model, prompts, noise and windows."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from benchmarks.plain import Box, Network, Windows, plain_demofusion, plain_multidiffusion
from muralist import DemoFusion, MultiDiffusion, Request
from muralist.canvas import Size
from muralist.generation import Noise
from muralist.models.blank import NO_TEXT, Blank
from muralist.query import Query, seeded
from muralist.views import Grid

__all__ = ["drawn", "sizes", "twin"]


def drawn(seed: int) -> Noise:
    """Standard normal noise of every stage: the `noise=` of `generate`, on the CPU."""

    def noise(purpose: str, shape: tuple[int, ...]) -> Tensor:
        return torch.randn(shape, generator=seeded(seed, purpose))

    return noise


def twin(request: Request, pipe: Any, noise: Noise) -> tuple[Network, Iterator[Tensor]]:
    """The network that the plain loop of the request's method asks, and the loop.

    The loop yields the latents of every stage. What plain loops have no word for is not possible:
    guidance of 1 and less, rescaled or in an interval; rings and Gaussian weights; jitter beyond
    the frame; stages entered late.
    """
    method, size, native = request.method, request.size, request.card.native
    assert isinstance(method, DemoFusion | MultiDiffusion)
    factor, steps = request.card.factor, len(request.schedule.steps)
    pixels = (size.height * factor, size.width * factor)
    scale = request.to_json()["guidance_scale"]
    network = Network(pipe, request.prompt, request.negative_prompt, scale, pixels)
    noises = _noises(request, noise, pipe._execution_device)
    if isinstance(method, MultiDiffusion):
        windows = _windows(request, Grid.of(native, method.window, method.stride))
        return network, plain_multidiffusion(network, noises[0], windows, steps)
    grid = Grid.of(native, method.window, method.stride, method.jitter, method.overhang)
    assert grid.jitter <= grid.quarter_overlap
    return network, plain_demofusion(
        network,
        noises,
        _windows(request, grid),
        steps,
        frame=grid.quarter_overlap,
        cosine_scales=(method.cosine_scale_1, method.cosine_scale_2, method.cosine_scale_3),
        sigma=method.sigma,
        padded_crop_ids=method.crop_ids == "padded",
    )


def sizes(request: Request) -> list[Size]:
    """The stages' canvases, in latent cells."""
    blank = request.guided(Blank(request.card.native))
    return [stage.size for stage in request.stages(blank)]


def _noises(request: Request, noise: Noise, device: torch.device) -> list[Tensor]:
    return [
        noise("base" if number == 1 else f"stage-{number}", (1, request.card.channels, *size)).to(
            device
        )
        for number, size in enumerate(sizes(request), start=1)
    ]


def _windows(request: Request, grid: Grid) -> Windows:
    """The grid's windows, jittered as the library jitters them."""
    canvases, steps = sizes(request), request.schedule.steps

    def windows(stage: int, step: int) -> list[Box]:
        question = Query(
            step=steps[step],
            cond=NO_TEXT,
            canvas=canvases[stage - 1],
            final=request.size,
            seed=request.seed,
            stage=stage,
        )
        return [
            (view.top, view.left, view.top + view.height, view.left + view.width)
            for view in grid(question)
        ]

    return windows
