"""When and what: the question put to a denoiser, its answer, and the seams between the parts."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import NamedTuple, Protocol, TypeAlias

import torch
from torch import Tensor, nn

from muralist.canvas import Size, View, gather
from muralist.strips import cellwise

__all__ = [
    "Cond",
    "Control",
    "Denoiser",
    "Estimate",
    "Framing",
    "Fusion",
    "Guide",
    "Guided",
    "Painter",
    "Part",
    "Query",
    "Ramp",
    "Runner",
    "Step",
    "Text",
    "Token",
    "Views",
    "seeded",
    "together",
]


@dataclass(frozen=True)
class Step:
    """One move along the schedule: x = alpha * x0 + sigma * noise, at this level and the next.

    A network's output leads to x0 = carry * x - gain * output, which is all in which networks
    that predict noise (1/alpha, sigma/alpha), velocity (alpha, sigma) or flow (1, sigma) differ.
    """

    index: int
    count: int
    timestep: float  # as the network is told, 0 to 1000 for most
    t: float  # as a fraction of the training schedule: 1 is noise, 0 is the picture
    alpha: float
    sigma: float
    alpha_next: float
    sigma_next: float
    carry: float
    gain: float

    def noised(self, x0: Tensor, noise: Tensor) -> Tensor:
        """x at this level."""
        return self.alpha * x0 + self.sigma * noise

    def noise(self, x: Tensor, x0: Tensor) -> Tensor:
        """The noise that turns x0 into x at this level."""
        return (x - self.alpha * x0) / self.sigma


@dataclass(frozen=True)
class Framing:
    """What SDXL is told of sizes, in pixels, height first (Podell et al., 2023, sec. 2.2).

    A size that is unset is the finished picture's; the crop is where the picture begins.
    """

    original_size: tuple[int, int] | None = None
    crops_coords_top_left: tuple[int, int] = (0, 0)
    target_size: tuple[int, int] | None = None


@dataclass(frozen=True)
class Cond:
    """What to draw: one row per row of the batch, or a single row for all of them."""

    embeds: Tensor  # rows, tokens, width
    pooled: Tensor | None = None  # rows, width; None where the family has none
    images: tuple[Tensor, ...] = ()  # of each IP-Adapter: rows, images, what its encoder says
    framing: tuple[Framing, ...] = ()  # one per row; empty where sizes are told as they are

    def rows(self, count: int) -> "Cond":
        """`count` rows: a single row is repeated without copying."""
        if len(self.embeds) == count:
            return self
        pooled = None if self.pooled is None else self.pooled.expand(count, -1)
        images = tuple(each.expand(count, *each.shape[1:]) for each in self.images)
        return Cond(self.embeds.expand(count, -1, -1), pooled, images, self.framing * count)

    def saying(self, other: "Cond") -> "Cond":
        """The same images and sizes, with `other`'s words."""
        return replace(self, embeds=other.embeds, pooled=other.pooled)

    def then(self, other: "Cond") -> "Cond":
        """These rows, followed by `other`'s."""
        return Cond.stacked([self, other])

    @staticmethod
    def stacked(conds: Sequence["Cond"]) -> "Cond":
        """The rows of all of them, one after another."""
        pooled = [cond.pooled for cond in conds if cond.pooled is not None]
        images = zip(*(cond.images for cond in conds), strict=True)
        return Cond(
            torch.cat([cond.embeds for cond in conds]),
            torch.cat(pooled) if len(pooled) == len(conds) else None,
            tuple(map(torch.cat, images)),
            tuple(chain.from_iterable(cond.framing for cond in conds)),
        )


class Token(NamedTuple):
    """A piece of a prompt as the text encoder sees it."""

    text: str
    ends_word: bool  # or goes on in the next token


@dataclass(frozen=True)
class Text:
    """A prompt that can be said in part.

    Token i conditions at position i + 1, behind the one that begins every text; those that begin,
    end and fill are not listed. `say` encodes any text, each text once: its words alone, without
    images and sizes.
    """

    tokens: tuple[Token, ...]
    say: Callable[[str], Cond]


@dataclass(frozen=True, eq=False)
class Control:
    """A picture that a ControlNet holds the views to, each to what lies under it.

    It lies over all of the canvas, whatever its own size, but for the rows above and the columns
    left of it, which are no part of the stage's canvas. It acts in the steps that lie between two
    fractions of them.
    """

    image: Tensor  # height width 3, uint8, where it costs least: views take their part of it
    scale: float = 1.0
    start: float = 0.0
    end: float = 1.0
    above: int = 0  # latent cells
    left: int = 0

    def strength(self, step: Step) -> float:
        """The scale at a step; 0 where the step is not between start and end, as in diffusers."""
        begins, ends = step.index / step.count, (step.index + 1) / step.count
        return 0.0 if begins < self.start or ends > self.end else self.scale

    def moved(self, down: int, right: int) -> "Control":
        """The same of a canvas that begins so many cells further up and left."""
        return replace(self, above=self.above + down, left=self.left + right)


class Estimate(NamedTuple):
    """Where we stand (x) and where it leads (x0), both `B C H W`."""

    x: Tensor
    x0: Tensor

    def moved_to(self, x: Tensor, step: Step) -> "Estimate":
        """The same network output, carried to another x."""
        x0 = cellwise(lambda x0, to, at: x0 + (to - at) * step.carry, self.x0, x, self.x)
        return Estimate(x, x0)

    def lerp(self, other: "Estimate", weight: Tensor | float) -> "Estimate":
        """A mix: this where `weight`, a number or `... H W`, is 0, `other` where it is 1."""
        x, x0 = (
            cellwise(lambda a, b, weight: a + (b - a) * weight, mine, its, weight)
            for mine, its in zip(self, other, strict=True)
        )
        return Estimate(x, x0)

    def split(self, size: int) -> Iterator["Estimate"]:
        """Consecutive groups of `size` rows."""
        pairs = zip(self.x.split(size), self.x0.split(size), strict=True)
        return (Estimate(x, x0) for x, x0 in pairs)


class Denoiser(Protocol):
    """Estimates the clean picture behind x, `B C H W`, one row per view of the query."""

    def __call__(self, x: Tensor, q: "Query", /) -> Estimate: ...


class Painter(Denoiser, Protocol):
    """A denoiser that knows the sizes it was trained for: what a method composes with."""

    @property
    def native(self) -> Size:
        """Latent cells of a picture as in training."""
        ...

    @property
    def network(self) -> nn.Module | None:
        """What patches look into; None where there is no network."""
        ...


class Guided(Painter, Protocol):
    """A painter that guidance leads: what a method is given."""

    def led(self, scale: float) -> "Guided":
        """The same at another guidance scale."""
        ...


Part: TypeAlias = tuple[View, Estimate]
Views: TypeAlias = Callable[["Query"], Sequence[View]]
Guide: TypeAlias = Callable[[Tensor, "Query"], Tensor]
Ramp: TypeAlias = Callable[[Step], float]


class Fusion(Protocol):
    """Makes one canvas-sized estimate of the views' estimates; `like` gives shape and device."""

    def __call__(self, parts: Iterable[Part], like: Tensor, /) -> Estimate: ...


class Runner(Protocol):
    """Has `inner` denoise every view of the canvas x, and answers in the order of the views."""

    def __call__(
        self, inner: Denoiser, x: Tensor, q: "Query", views: Sequence[View], /
    ) -> Iterator[Part]: ...


def together(inner: Denoiser, x: Tensor, q: "Query", views: Sequence[View]) -> Iterator[Part]:
    """The plainest runner: all views in one batch."""
    answers = inner(gather(x, views), q.at(views))
    return zip(views, answers.split(1), strict=True)


@dataclass(frozen=True)
class Query:
    """Everything a denoiser may know besides x: when, what, and where."""

    step: Step
    cond: Cond
    canvas: Size  # of the stage being painted
    final: Size  # of the finished picture: what size conditioning is told
    negative: Cond | None = None  # guidance leads away from it
    text: Text | None = None  # what `cond` says, where models tell
    told: float | None = None  # the guidance scale, for networks that were distilled with it
    views: tuple[View, ...] = ()  # one per row of the batch; empty for the whole canvas
    places: tuple[View, ...] = ()  # where rows were taken, whatever views say; in turn, if fewer
    controls: tuple[Control, ...] = ()  # one for each ControlNet, or none
    seed: int = 0
    stage: int = 1
    run: Runner = together

    def at(self, views: Sequence[View]) -> "Query":
        """The same question about these views."""
        return replace(self, views=tuple(views), places=tuple(views))

    def rng(self, purpose: str) -> torch.Generator:
        """The same numbers for the same seed, stage, step and purpose, on any machine."""
        return seeded(self.seed, f"stage-{self.stage}/step-{self.step.index}/{purpose}")


def seeded(seed: int, purpose: str) -> torch.Generator:
    """A CPU generator that is a function of the seed and of what the numbers are for."""
    digest = hashlib.blake2b(f"{seed}/{purpose}".encode(), digest_size=8).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "big") >> 1)
