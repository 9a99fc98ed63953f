"""All that is asked for of one picture."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, Literal

from torch import Tensor

from muralist.canvas import Size
from muralist.denoisers import CFG, Guider, Told
from muralist.methods import DemoFusion
from muralist.models import Card, Checkpoint, Model, card
from muralist.models.prompt import Prompt
from muralist.photo import Given, Photo
from muralist.query import Control, Framing, Guided, Painter
from muralist.request.checks import check
from muralist.request.conditioning import (
    EMBEDS,
    SIZES,
    TEXTS,
    Embeds,
    Images,
    Pair,
    framings,
    images,
)
from muralist.request.controls import controls, photos
from muralist.request.start import origin, pixels_of
from muralist.request.target import LARGEST, enlarged_size, painted_size
from muralist.request.written import arguments, written
from muralist.settings import setting, validate
from muralist.solvers.schedule import Schedule, SolverName, schedule
from muralist.stage import Method, Stage

__all__ = ["Request"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Request:
    """One picture. Arguments that diffusers has as well are named as there, and mean the same.

    The model is told a prompt and a negative one; `prompt_2` and `negative_prompt_2` are for
    SDXL's second text encoder. Embeddings (`1 tokens width`, pooled `1 width`) may be given
    instead. SDXL is told sizes, too: height and width, or top and left, in pixels.
    `ip_adapter_image` is an image, or a list of them, for each IP-Adapter,
    `ip_adapter_image_embeds` a tensor for each, of two rows, of no images first.

    `height` and `width` are pixels, multiples of the model's factor: four native sides each if
    unset, a square if one is. With an `image`, or latents (`1 C h w`, scaled as networks see them)
    in its place, the picture starts from that instead of noise. It is then `scale` times as large,
    or of the sides given, to the nearest multiples; four native sides long, and twice the image at
    least, if unset.

    `method` makes one picture of many views. Steps and guidance scale are what suits the model if
    unset, `solver` is what its scheduler config says. Every number drawn is a function of `seed`.

    `control_image` is what the model's ControlNets are shown, one for each of them, of the
    picture's ratio and any size; how strongly they hold (0 to 10), and from which fraction of the
    steps to which, are a number for all or one for each.

    `batch_size` is how many views the network sees at once, `canvas` where latents are kept: on the
    model's device, in host memory or in files. `workers` processes, on this machine or on the Ray
    cluster at `ray`, share the views of a step. These change memory and time, not the picture.

    Images are files, images of PIL's or arrays `H W 3`, uint8, and are read when a request is made.
    Raises `BadRequest`, `ModelNotFound` or `UnsupportedModel` when made with anything that cannot
    be painted; no weights are read for that.
    """

    model: Model | str | Checkpoint = "shapes"

    prompt: str = setting("", "what to paint")
    prompt_2: str | None = setting(None, "the same, for SDXL's second text encoder")
    negative_prompt: str | None = setting(None, "what to lead away from")
    negative_prompt_2: str | None = setting(None, "the same, for SDXL's second text encoder")
    clip_skip: int | None = setting(None, "last layers of the text encoders left out", low=0)
    prompt_embeds: Tensor | None = None
    negative_prompt_embeds: Tensor | None = None
    pooled_prompt_embeds: Tensor | None = None
    negative_pooled_prompt_embeds: Tensor | None = None
    original_size: Pair | None = None
    crops_coords_top_left: Pair | None = None
    target_size: Pair | None = None
    negative_original_size: Pair | None = None
    negative_crops_coords_top_left: Pair | None = None
    negative_target_size: Pair | None = None
    ip_adapter_image: Images | None = None
    ip_adapter_image_embeds: Embeds | Tensor | None = None

    height: int | None = setting(None, "pixels", low=1, high=LARGEST)
    width: int | None = setting(None, "pixels", low=1, high=LARGEST)
    image: Given | Tensor | None = None
    scale: float | None = setting(None, "how many times the image's sides", low=1)

    method: Method = field(default_factory=DemoFusion)
    num_inference_steps: int | None = setting(None, "denoising steps of every stage", low=1)
    guidance_scale: float | None = setting(
        None, "how strongly the prompt leads; 1 and less is off", low=0
    )
    guidance_rescale: float = setting(0.0, "against overexposure at high scales", low=0, high=1)
    guidance_interval: tuple[float, float] = (0.0, 1.0)
    pag_scale: float = setting(
        0.0, "how strongly perturbed attention leads, in diffusers' words; 0 is off", low=0
    )
    solver: SolverName | None = setting(
        None, "how steps are taken; as the model's scheduler says if unset"
    )
    seed: int = setting(0, "every random number follows from it", low=0, high=2**63 - 1)

    control_image: Given | Sequence[Given] | None = None
    controlnet_conditioning_scale: float | Sequence[float] = 1.0
    control_guidance_start: float | Sequence[float] = 0.0
    control_guidance_end: float | Sequence[float] = 1.0

    batch_size: int = setting(16, "views the network sees at once", low=1)
    canvas: Literal["device", "ram", "disk"] | None = setting(
        None, "where latents are kept; beside the model while they are small if unset"
    )
    workers: int | None = setting(
        None, "processes that compute views, one per GPU; on Ray as many as it has if unset", low=1
    )
    ray: str | None = setting(
        None, "a Ray cluster that computes views: auto, its address, or local for a new one"
    )

    def __post_init__(self) -> None:
        validate(self)
        # read once, however often a request is made of another
        object.__setattr__(self, "image", origin(self.image))
        object.__setattr__(self, "ip_adapter_image", images(self.ip_adapter_image))
        object.__setattr__(self, "control_image", photos(self.control_image))
        check(self)

    @property
    def photos(self) -> tuple[Photo, ...]:
        """All images that were given."""
        start = (self.origin,) if isinstance(self.origin, Photo) else ()
        return (*start, *self.conditions, *(each for some in self.shown for each in some))

    @cached_property
    def card(self) -> Card:
        """What is known of the model."""
        named = isinstance(self.model, str | Checkpoint) or not hasattr(self.model, "card")
        return card(self.model) if named else self.model.card  # type: ignore

    @property
    def steps(self) -> int:
        """Of denoising, as many as are asked for."""
        return self.num_inference_steps or self.card.num_inference_steps

    @property
    def guidance(self) -> float:
        """The guidance scale."""
        return self.card.guidance_scale if self.guidance_scale is None else self.guidance_scale

    @cached_property
    def size(self) -> Size:
        """Of the canvas, in latent cells."""
        card, start = self.card, self.origin
        if start is None:
            return painted_size(card, self.height, self.width)
        return enlarged_size(card, pixels_of(start, card), self.height, self.width, self.scale)

    @property
    def origin(self) -> Photo | Tensor | None:
        """The image, read; None where the picture starts from noise."""
        return origin(self.image)

    @property
    def start(self) -> Size | None:
        """Of the image, in latent cells: those nearest to it; None where there is none."""
        start, card = self.origin, self.card
        return None if start is None else card.nearest(*pixels_of(start, card))

    @property
    def sizes(self) -> dict[str, Pair]:
        """Those that SDXL is to be told, by name."""
        given = {name: getattr(self, name) for name in SIZES}
        return {name: pair for name, pair in given.items() if pair is not None}

    @property
    def shown(self) -> tuple[tuple[Photo, ...], ...]:
        """The images for each IP-Adapter."""
        return images(self.ip_adapter_image)

    @property
    def conditions(self) -> tuple[Photo, ...]:
        """The images for ControlNets, in their order."""
        return photos(self.control_image)

    @property
    def control_numbers(self) -> dict[str, float | Sequence[float]]:
        """How strongly and when ControlNets hold, by name."""
        return {
            "controlnet_conditioning_scale": self.controlnet_conditioning_scale,
            "control_guidance_start": self.control_guidance_start,
            "control_guidance_end": self.control_guidance_end,
        }

    @cached_property
    def told(self) -> Prompt:
        """What the model is told in words, or in embeddings, and in images."""
        words = {name: getattr(self, name) for name in ("prompt", *TEXTS, "clip_skip", *EMBEDS)}
        embeds = self.ip_adapter_image_embeds
        return Prompt(
            **words,
            ip_adapter_image=tuple(tuple(each.pixels for each in some) for some in self.shown),
            ip_adapter_image_embeds=(embeds,)
            if isinstance(embeds, Tensor)
            else tuple(embeds or ()),
        )

    @cached_property
    def framing(self) -> tuple[Framing, Framing] | None:
        """What is said of sizes, for the prompt and for the negative one; as they are if None."""
        return framings(self.sizes)

    @cached_property
    def controls(self) -> tuple[Control, ...]:
        """What ControlNets are shown, in their order."""
        return controls(self.conditions, **self.control_numbers)

    @cached_property
    def schedule(self) -> Schedule:
        """The steps of a stage from noise, and who takes them."""
        return schedule(self.card.scheduler, self.steps, self.solver)

    def guided(self, network: Painter) -> Guided:
        """The network as methods get it: with this request's guidance."""
        if self.card.distilled:
            return Told(network, self.guidance)
        if self.pag_scale:
            return Guider.pag(network, self.guidance, self.pag_scale, self.guidance_rescale)
        return CFG(network, self.guidance, self.guidance_rescale, self.guidance_interval)

    def stages(self, model: Guided) -> Iterator[Stage]:
        """What is painted, of a network as `guided` makes it: from the image, or from noise."""
        if self.start is None:
            return self.method.stages(model, self.size)
        return self.method.enlarge(model, self.start, self.size)

    def to_json(self) -> dict[str, Any]:
        """All that makes the picture, with defaults filled in, as JSON values."""
        return written(self)

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> "Request":
        """The request whose `to_json` this is."""
        return cls(**cls.arguments(given))

    @classmethod
    def arguments(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments that make the request whose `to_json` this is."""
        return arguments(given, {field.name for field in fields(cls)})
