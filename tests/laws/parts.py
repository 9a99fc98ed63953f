"""Every part there is, as the laws meet it: a part listed here is held to all of them."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import torch
from diffusers.guiders import ClassifierFreeGuidance
from torch import Tensor

import muralist
from muralist import AccDiffusion, AccDiffusion2, DemoFusion, MultiDiffusion, Pixelsmith
from muralist.canvas import Size, View
from muralist.denoisers import (
    CFG,
    Blended,
    Corrected,
    Filtered,
    Framed,
    Guider,
    Patched,
    PatchPrompted,
    Relabelled,
    Relay,
    Shuffled,
    Steered,
    Tiled,
    Told,
    Uncontrolled,
    Unplaced,
)
from muralist.events import Event
from muralist.fuse import FirstOwner, Gaussian, mean
from muralist.guides import Blur, Checkerboard, PhaseMix, Reference, Residual
from muralist.models import Toy
from muralist.models.prompt import Prompt
from muralist.patches import Probe
from muralist.query import Cond, Denoiser, Estimate, Fusion, Guide, Query, Step, Text
from muralist.request import Request
from muralist.solvers.pairs import DPMSolverPP2M, Solver, ddim, euler
from muralist.solvers.schedule import Constant, Cosine, schedule
from muralist.views import Cover, Grid, RandomCover, Strided

Amend: TypeAlias = Callable[[Estimate, Query], Estimate]

SCHEDULER: Mapping[str, Any] = Toy().card.scheduler
NO_TEXT = Cond(torch.zeros(1, 1, 1))


# --- questions ---------------------------------------------------------------------------------


def steps(count: int = 6, **config: Any) -> tuple[Step, ...]:
    """The steps of a DPM-Solver++ schedule, whose every level leads to the next one's."""
    config = {**SCHEDULER, "_class_name": "DPMSolverMultistepScheduler", **config}
    return schedule(config, count).steps


def query(canvas: Size, step: Step | None = None, **known: Any) -> Query:
    asked = {"step": step or steps()[2], "cond": NO_TEXT, "canvas": canvas, "final": canvas}
    return Query(**{**asked, **known})


def normal(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def network(x: Tensor, q: Query) -> Estimate:
    """Some network: not linear, different at each step and in each view; moves x a little too."""
    places = torch.tensor([[view.top, view.left] for view in q.views] or [[0, 0]], dtype=x.dtype)
    place = places.sum(1).view(-1, 1, 1, 1) / 50
    x0 = torch.tanh(1.3 * x + q.step.t + place) - 0.2 * x.roll(1, -1)
    return Estimate(x + 0.1 * torch.sin(x0), x0)


# --- parts of each kind ------------------------------------------------------------------------

VIEWS: Mapping[str, Callable[[Query], list[View]]] = {
    "windows": Grid(Size(6, 6), 3),
    "oblong windows": Grid(Size(5, 8), 4),
    "windows side by side": Grid(Size(7, 7), 7),
    "jittered windows": Grid(Size(8, 8), 4, jitter=2),
    "jittered windows that hang over": Grid(Size(8, 8), 4, jitter=2, overhang=True),
    "windows in a ring": Grid(Size(6, 6), 4, wrap=True),
    "jittered windows in a ring": Grid(Size(8, 8), 4, jitter=1, wrap=True),
    "windows larger than the canvas": Grid(Size(40, 40), 20, jitter=5),
    "a cover": Cover(Size(8, 8), 2),
    "a cover side by side": Cover(Size(5, 7)),
    "a random cover": RandomCover(Size(7, 6)),
    "the canvas itself": Strided(1),
    "every second cell": Strided(2),
    "every fifth cell": Strided(5),
}

FUSIONS: Mapping[str, Fusion] = {
    "mean": mean,
    "gaussian": Gaussian(),
    "narrow gaussian": Gaussian(0.1),
    "first owner": FirstOwner(),
    "first owner, softened": FirstOwner(2),
}

SOLVERS: Mapping[str, Solver] = {
    "ddim": ddim,
    "euler": euler,
    "dpm++ 2M": DPMSolverPP2M(),
    "dpm++ 2M to the end": DPMSolverPP2M(first_order_last=False),
}
FIRST_ORDER = ("ddim", "euler")

# What each guide makes of x; the reference is a picture and noise as large as the canvas.
GUIDES: Mapping[str, Callable[[Reference], Guide]] = {
    "blur": lambda reference: Blur(2, Constant(1.0)),
    "faint blur": lambda reference: Blur(1, Constant(1e-3)),
    "phases": lambda reference: PhaseMix(reference, Constant(1), whole_canvas),
    "no phases": lambda reference: PhaseMix(reference, Constant(0), whole_canvas),
    "residual": lambda reference: Residual(reference, Cosine(1.0)),
    "residual without weight": lambda reference: Residual(reference, Constant(0)),
}

# The setting of each denoiser at which it must answer as what it holds.
IDENTITIES: Mapping[str, Callable[[Any], Denoiser]] = {
    "CFG of scale 1": lambda inner: CFG(inner, 1.0),
    "CFG of scale 0": lambda inner: CFG(inner, 0.0),
    "Told": lambda inner: Told(inner, 7.5),
    "CFG in an empty interval": lambda inner: CFG(inner, 7.5, interval=(0.5, 0.5)),
    "Blended, near alone": lambda inner: Blended(inner, unreachable, Constant(0)),
    "Blended, far alone": lambda inner: Blended(unreachable, inner, Constant(1)),
    "Steered nowhere": lambda inner: Steered(inner, same),
    "Steered by a residual without weight": lambda inner: Steered(
        inner, Residual(Reference(torch.zeros(()), torch.zeros(())), Constant(0))
    ),
    "Corrected by nothing": lambda inner: Corrected(inner, same),
    "Corrected by a checkerboard without weight": lambda inner: Corrected(
        inner, Checkerboard(Reference(torch.zeros(()), torch.zeros(())), Constant(0))
    ),
    "Guider of guidance that is off": lambda inner: Guider(
        Bare(inner), ClassifierFreeGuidance(guidance_scale=1.0)
    ),
    "Filtered through plain glass": lambda inner: Filtered(inner, same),
    "Framed": lambda inner: Framed(inner),
    "Relabelled by 0": lambda inner: Relabelled(inner, 0, 0),
    "Tiled by one view of all": lambda inner: Tiled(inner, whole_canvas),
    "Tiled by one view of all, gaussian": lambda inner: Tiled(inner, whole_canvas, Gaussian()),
    "Tiled by every cell": lambda inner: Tiled(inner, Strided(1)),
    "Patched without a network": lambda inner: Patched(Bare(inner), unreachable),
    "PatchPrompted without text": lambda inner: PatchPrompted(inner, Probe(), 0.3),
    "Uncontrolled": lambda inner: Uncontrolled(inner),
    "Unplaced": lambda inner: Unplaced(lambda x, q: inner(x, q.at([View(0, 0, *q.canvas)]))),
    "Relay of one view of all": lambda inner: Relay(inner, same, whole_canvas, FirstOwner()),
    "Shuffled alone": lambda inner: Shuffled(inner, 1),
}

METHODS: Mapping[str, Any] = {
    "DemoFusion": DemoFusion(),
    "DemoFusion, close windows": DemoFusion(window=12, stride=4, jitter=0, sigma=1.0),
    "DemoFusion, as released": DemoFusion(crop_ids="padded", overhang=True),
    "DemoFusion, entered half way": DemoFusion(strength=0.5),
    "AccDiffusion": AccDiffusion(),
    "AccDiffusion, as released": AccDiffusion(
        prompts="tokens", demofusion=DemoFusion(crop_ids="padded", overhang=True)
    ),
    "AccDiffusion, embeddings": AccDiffusion(prompts="embeddings"),
    "AccDiffusion without interaction": AccDiffusion(c=0.5, interaction=False),
    "AccDiffusion2": AccDiffusion2(),
    "Pixelsmith": Pixelsmith(slider=2),
    "Pixelsmith, held to the end": Pixelsmith(slider=4, growth=4.0, patches="random", feather=0),
    "Pixelsmith, as released": Pixelsmith(slider=3, patches="relay"),
    "MultiDiffusion": MultiDiffusion(),
    "MultiDiffusion, gaussian": MultiDiffusion(fusion="gaussian", stride=6),
    "MultiDiffusion of whole pictures": MultiDiffusion(crop_ids="none"),
    "MultiDiffusion in a ring": MultiDiffusion(wrap=True),
}


def same(what: Any, q: Query) -> Any:
    return what


def whole_canvas(q: Query) -> list[View]:
    return [View(0, 0, *q.canvas)]


@dataclass(frozen=True)
class Bare:
    """A denoiser as a painter without a network."""

    inner: Denoiser
    native: Size = Size(16, 16)
    network: None = None

    def __call__(self, x: Tensor, q: Query) -> Estimate:
        return self.inner(x, q)


def unreachable(x: Tensor, q: Query) -> Estimate:
    raise AssertionError("a side without weight was asked")


# --- runs --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Watched:
    """A model as it is, or with its answers amended, that notes what it is asked."""

    inner: Any
    amend: Amend = same
    rows: list[int] = field(default_factory=list)  # of each call of the network
    asked: list[Query] = field(default_factory=list)  # the same calls
    encoded: list[Prompt] = field(default_factory=list)
    decoded: list[Size] = field(default_factory=list)

    @property
    def card(self):
        return self.inner.card

    @property
    def native(self) -> Size:
        return self.inner.native

    @property
    def network(self) -> Any:
        return self.inner.network

    @property
    def device(self) -> torch.device:
        return self.inner.device

    def __call__(self, x: Tensor, q: Query) -> Estimate:
        self.rows.append(len(x))
        self.asked.append(q)
        return self.amend(self.inner(x, q), q)

    def encode(self, prompt: Prompt) -> tuple[Cond, Cond]:
        self.encoded.append(prompt)
        return self.inner.encode(prompt)

    def encode_pixels(self, pixels: Tensor) -> Tensor:
        return self.inner.encode_pixels(pixels)

    def upcast(self) -> AbstractContextManager[None]:
        return self.inner.upcast()

    def text(self, prompt: Prompt) -> Text | None:
        return self.inner.text(prompt)

    def decode(self, latents: Tensor) -> Tensor:
        self.decoded.append(Size(*latents.shape[-2:]))
        return self.inner.decode(latents)

    def rest(self) -> None:
        self.inner.rest()

    def dropped(self, prompt: Prompt) -> dict[str, str]:
        return self.inner.dropped(prompt)


def poisoned(stage: int, step: int) -> Amend:
    """Answers of NaN at one step of one stage, both counted from 1."""

    def spoil(estimate: Estimate, q: Query) -> Estimate:
        here = (q.stage, q.step.index + 1) == (stage, step)
        return Estimate(estimate.x, estimate.x0 * float("nan")) if here else estimate

    return spoil


# It has room for a control image, and does not look at it, as it does not at its prompt.
# Those that any model is enough for.
ALONE = {name: method for name, method in METHODS.items() if name != "AccDiffusion2"}
TOY = Toy(card=replace(Toy().card, controlnets=1))


def toy_request(method: Any = None, **settings: Any) -> Request:
    """A small picture by the toy model, in few steps."""
    settings = {"model": TOY, "height": 40, "width": 40, "num_inference_steps": 4, **settings}
    return Request(method=method or DemoFusion(), **settings)


def events(request: Request, **given: Any) -> list[Event]:
    return list(muralist.generate(request, **given))


def painted(request: Request, **given: Any) -> muralist.Picture:
    return events(request, **given)[-1].picture


def followed(x: Tensor, denoise: Denoiser, moves: tuple[Step, ...], solver: Solver, q: Query):
    """The canvas after each step."""
    memory, trail = None, []
    for step in moves:
        q = replace(q, step=step)
        x, memory = solver(denoise(x, q), q, memory)
        trail.append(x)
    return trail


def distance(ours: Tensor, other: Tensor) -> float:
    """The largest difference, in standard deviations of the other."""
    return float((ours - other).abs().max() / other.std())


def counted(canvas: Size, views: list[View]) -> Tensor:
    """How many views see each cell."""
    count = torch.zeros(1, 1, *canvas)
    for view in views:
        view.add(count, torch.ones(1, 1, view.height, view.width))
    return count[0, 0]


def windows_of_the_papers(extent: int, window: int, stride: int) -> Iterator[int]:
    """Starts along one axis, as MultiDiffusion and DemoFusion publish them."""
    count = 1 if extent <= window else -(-(extent - window) // stride) + 1
    for number in range(count):
        yield max(min(number * stride, extent - window), 0)
