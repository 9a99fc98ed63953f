"""What a picture's canvases take: its last stage, painted on tensors without data, and counted."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from muralist.canvas import Size, View
from muralist.events import StageDone, Ticked
from muralist.generation import generate
from muralist.guides import Reference
from muralist.models.base import Card
from muralist.models.blank import NO_TEXT
from muralist.models.prompt import Prompt
from muralist.planning.held import Held
from muralist.query import Cond, Denoiser, Estimate, Guided, Part, Query
from muralist.request import Request
from muralist.stage import Before, Codec, Stage

__all__ = ["Canvases", "canvases"]

_META = torch.device("meta")
_SHOWN = 64  # views of a step: those that follow hold no more


@dataclass(frozen=True)
class Canvases:
    """Bytes of all that is as large as a canvas, at the peak of the last stage, by who holds it."""

    canvas: int  # x, before a step
    reference: int  # the trajectory from the stage before: its picture, enlarged, and noise
    estimate: int  # x0 of the step before: the solver, or whoever watches, looks back on it
    earlier: int  # results of earlier stages
    working: int  # all else: estimates, sums of views, what guides make of x, the next x

    @property
    def total(self) -> int:
        return sum(vars(self).values())


def canvases(request: Request) -> Canvases:
    """Paints a request with a network that answers at once, and counts what is held outside of it.

    Of the last stage, which is the largest, a step of each kind is asked for. The others, and the
    stages before, stand still. Nothing is computed.
    """
    held, card = Held(), request.card
    *earlier, last = request.stages(request.guided(_Silent(card)))
    start = request.start and torch.zeros(()).expand(1, card.channels, *request.start)
    blank = replace(
        request,
        model=_Silent(replace(card, factor=1)),  # a pixel a cell: there is nothing to decode
        height=request.size.height,
        width=request.size.width,
        image=start,
        scale=None,
        method=_Rehearsed(request, _kinds(request, last), held),
        canvas="device",
        workers=None,
        ray=None,
        control_image=None,
    )
    with held, _Finite():
        for event in generate(blank, noise=lambda _, shape: torch.empty(shape, device=_META)):
            if isinstance(event, Ticked):
                held.named("estimate", event.x0)
            if isinstance(event, StageDone):
                held.named("earlier", event.result.latents)
                if event.stage == 1 + len(earlier):
                    break
    names = {field.name: field.name for field in fields(Canvases)} | {"working": ""}
    return Canvases(**{field: held.at_peak.get(name, 0) for field, name in names.items()})


@dataclass(frozen=True)
class _Rehearsed:
    """A method that asks for some steps of its last stage."""

    request: Request
    steps: Collection[int]  # by their index
    held: Held

    def enlarge(self, model: Guided, start: Size, size: Size) -> Iterator[Stage]:
        return self.stages(model, size)

    def stages(self, model: Guided, size: Size) -> Iterator[Stage]:
        *earlier, last = self.request.stages(model)
        for number, stage in enumerate(earlier):
            once = min(1.01 / self.request.schedule.count, 1.0) if number else 1.0
            stands = replace(stage, denoiser=lambda _: _still, strength=once)
            yield replace(stands, begin=_enlarged, sketch=None)
        paints = replace(last, denoiser=partial(self.denoiser, last))
        yield replace(paints, begin=_enlarged, sketch=None)

    def denoiser(self, stage: Stage, reference: Reference) -> Denoiser:
        self.held.named("reference", reference.x0, reference.noise)
        inner = stage.denoiser(reference)
        del reference

        def asked(x: Tensor, q: Query) -> Estimate:
            self.held.named("canvas", x)
            if q.step.index not in self.steps:
                return _still(x, q)
            return inner(x, replace(q, run=partial(self.run, q)))

        return asked

    def run(
        self, given: Query, inner: Denoiser, x: Tensor, q: Query, views: Sequence[View]
    ) -> Iterator[Part]:
        """Some of the views; what a batch of them takes is the network's, and not counted here."""
        parts = given.run(_still, x, q, views[:_SHOWN])
        with suppress(StopIteration):
            while True:
                with self.held.aside():
                    part = next(parts)
                yield part
                del part


def _kinds(request: Request, stage: Stage) -> list[int]:
    """Steps of a stage of which no two compute the same, by their index; a small canvas tells.

    The last of each kind: what a step leaves behind is there by then.
    """
    x, kinds = torch.zeros(1, request.card.channels, 2, 2), dict[frozenset[str], int]()
    denoise = stage.denoiser(Reference(x, x))
    for step in request.schedule.entered(stage.strength).steps:
        small = Size(*x.shape[-2:])
        query = Query(step, NO_TEXT, small, small, negative=NO_TEXT, run=_first)
        with _Operations() as operations:
            denoise(x, query)
        kinds[frozenset(operations.names)] = step.index
    return list(kinds.values())


def _first(inner: Denoiser, x: Tensor, q: Query, views: Sequence[View]) -> Iterator[Part]:
    """A runner that asks about the first view, and fuses nothing."""
    inner(x.new_zeros(1, x.shape[1], views[0].height, views[0].width), q.at(views[:1]))
    return iter(())


def _still(x: Tensor, q: Query) -> Estimate:
    return Estimate(x, torch.empty_like(x))


def _enlarged(before: Before, size: Size, codec: Codec) -> Tensor:
    latents = before.latents
    return latents.new_empty(*latents.shape[:2], *size)


@dataclass(frozen=True)
class _Silent:
    """A model that answers with its question, and computes nowhere."""

    card: Card
    device: torch.device = _META
    network: None = None

    @property
    def native(self) -> Size:
        return self.card.native

    def __call__(self, x: Tensor, q: Query) -> Estimate:
        return _still(x, q)

    def encode(self, prompt: Prompt) -> tuple[Cond, Cond]:
        return NO_TEXT, NO_TEXT

    def text(self, prompt: Prompt) -> None:
        return None

    def rest(self) -> None:
        pass

    def dropped(self, prompt: Prompt) -> dict[str, str]:
        return {}

    def decode(self, latents: Tensor) -> Tensor:
        raise AssertionError("a rehearsal ends before the picture is decoded")

    def encode_pixels(self, pixels: Tensor) -> Tensor:
        raise AssertionError("a rehearsal has no pixels")


class _Operations(TorchDispatchMode):
    """Notes what is computed while it is entered."""

    def __init__(self) -> None:
        super().__init__()
        self.names = set[str]()

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        self.names.add(str(func))
        return func(*args, **(kwargs or {}))


class _Finite(TorchDispatchMode):
    """Lets tensors without data be asked whether they are finite: they are."""

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if func is torch.ops.aten._local_scalar_dense.default and args[0].is_meta:
            return True
        return func(*args, **(kwargs or {}))
