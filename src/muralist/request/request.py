"""What is asked for, checked before anything is loaded."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, Literal

import torch
from torch import Tensor

from muralist.canvas import Size
from muralist.denoisers import CFG, Guider, Told
from muralist.errors import BadRequest
from muralist.guides import Reference
from muralist.methods import DemoFusion, method_from_json, method_to_json
from muralist.models import Card, Checkpoint, Model, card
from muralist.models.blank import Blank
from muralist.models.prompt import Prompt
from muralist.photo import Given, Photo, digest, photo
from muralist.query import Control, Framing, Guided, Painter
from muralist.request.conditioning import (
    EMBEDS,
    SIZES,
    TEXTS,
    Embeds,
    Images,
    Pair,
    check_told,
    framings,
    images,
    noted,
)
from muralist.request.controls import check_images, controls, images_from_json, photos
from muralist.request.target import LARGEST, check_ratio, enlarged_size, painted_size
from muralist.settings import setting, validate
from muralist.solvers.schedule import Schedule, SolverName, schedule
from muralist.stage import Method, Stage

__all__ = ["LONGEST_PROMPT", "Request", "origin"]

# Characters: at worst twelve bytes each, and two such prompts fit into what pictures carry.
LONGEST_PROMPT = 2_500
_CARRIED = 64_000  # bytes of settings, in EXIF's 64 KiB


def origin(image: Given | Tensor | None) -> Photo | Tensor | None:
    """What a picture starts from, read; latents are left as they are."""
    return image if image is None or isinstance(image, Tensor) else photo(image)


@dataclass(frozen=True, kw_only=True, eq=False)
class Request:
    """One picture.

    `height` and `width` are pixels, multiples of the model's factor: four native sides each if
    unset, a square if one is. `image` is what the picture starts from in the place of noise: a
    file, an image of PIL's, an array `height width 3`, uint8, or latents `1 C h w`, scaled as
    networks see them. The picture is then `scale` times as large, or of the `height` and `width`
    given, to the nearest multiples; four native sides long, and twice the image at least, if unset.
    Steps and guidance scale default to what suits the model, `solver`
    to what its scheduler config says. Every number drawn is a function of `seed`. `batch_size` is
    how many views the network sees at once, `canvas` where the latents are kept, on the model's
    device, in host memory or in files, `workers` how many processes share the views of a step, on
    this machine or on the Ray cluster at `ray`: they change memory and speed, not the picture.

    `control_image` is what the model's ControlNets are shown, one for each of them, of the
    picture's ratio and any size, read when the request is made; how strongly
    (`controlnet_conditioning_scale`), and from which fraction of the steps to which they hold
    (`control_guidance_start`, `control_guidance_end`) are a number for all or one for each.
    Texts, embeddings instead of them (`1 tokens width`, pooled `1 width`), sizes (height, width and
    top, left, in pixels) and images for IP-Adapters are diffusers' arguments of the same names, and
    mean the same; sizes and `_2` are SDXL's. Images are files, images of PIL's or arrays `H W 3`
    (uint8): one, or one or a list for each adapter.

    Raises `BadRequest`, `ModelNotFound` or `UnsupportedModel` when made with anything that cannot
    be painted; no weights are read for that.
    """

    model: Model | str | Checkpoint = "shapes"
    prompt: str = setting("", "what to paint")
    image: Given | Tensor | None = None
    scale: float | None = setting(None, "how many times the image's sides", low=1)
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

    control_image: Given | Sequence[Given] | None = None
    controlnet_conditioning_scale: float | Sequence[float] = 1.0
    control_guidance_start: float | Sequence[float] = 0.0
    control_guidance_end: float | Sequence[float] = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "ip_adapter_image", images(self.ip_adapter_image))  # read once
        validate(self)
        # read once, however often a request is made of another
        object.__setattr__(self, "image", origin(self.image))
        object.__setattr__(self, "control_image", photos(self.control_image))
        for name in ("prompt", *TEXTS):
            if len(getattr(self, name) or "") > LONGEST_PROMPT:
                raise BadRequest(f"{name} is longer than {LONGEST_PROMPT} characters")
        if isinstance(self.method, type) or not hasattr(self.method, "stages"):
            raise BadRequest(f"method is {self.method!r}; an instance, DemoFusion() say, is needed")
        interval = self.guidance_interval
        numbers = isinstance(interval, tuple) and all(isinstance(x, int | float) for x in interval)
        if not (numbers and len(interval) == 2):
            raise BadRequest(f"guidance_interval is {interval!r}; two fractions are needed")
        if self.pag_scale and self.card.distilled:
            raise BadRequest(
                f"pag_scale is {self.pag_scale}; {self.card.name} was distilled with guidance, and"
                " takes none beside it: 0 is needed"
            )
        if self.pag_scale and not (self._scale > 1 and interval == (0.0, 1.0)):
            raise BadRequest(
                f"pag_scale is {self.pag_scale}; it needs a guidance_scale above 1 at every step"
            )
        self._check_image()
        check_images(self._control_images, self.card, self.size.times(self.card.factor))
        _ = self.controls  # raises
        _ = self.framing  # raises where sizes are none
        check_told(self.told, self._sizes, self.card, self._scale > 1)
        self._check_stages()
        carried = len(json.dumps(self.to_json()))
        if carried > _CARRIED:
            raise BadRequest(
                f"the settings are {carried} bytes of JSON, and pictures carry {_CARRIED}; shorter"
                " texts and names of files are needed"
            )

    def _check_image(self) -> None:
        image, method = self.origin, self.method
        if image is None:
            if self.scale is not None:
                raise BadRequest(f"scale is {self.scale:g}; there is no image that it is of")
            return
        if not hasattr(method, "enlarge"):
            raise BadRequest(f"{type(method).__name__} cannot start from an image")
        if isinstance(image, Photo):
            check_ratio(self.card, image.size, self.height, self.width)
        else:
            _check_latents(image, self.card.channels)

    def _check_stages(self) -> None:
        steps, blank = self.schedule, self.guided(Blank(self.card.native))
        for number, stage in enumerate(self.stages(blank), start=1):
            if number == 1 and self.image is None and stage.strength != 1:
                raise BadRequest(f"the first stage starts from noise: not at {stage.strength}")
            steps.entered(stage.strength)
            if stage.sketch is not None:
                self._check_sketched()
            nothing = torch.empty(1, self.card.channels, *stage.size, device="meta")
            stage.denoiser(Reference(nothing, nothing))  # raises where a part cannot be made

    def _check_sketched(self) -> None:
        """Of a method that draws the control images itself."""
        name, count = method_to_json(self.method)["name"], self.card.controlnets
        if count != 1:
            raise BadRequest(
                f"{name} shows edges to a ControlNet, and {self.card.name} has {count} of them: one"
                " is needed"
            )
        if self.control_image:
            raise BadRequest(f"{name} draws the control image itself; control_image is not for it")

    @property
    def photos(self) -> tuple[Photo, ...]:
        """All images that were given."""
        start = (self.origin,) if isinstance(self.origin, Photo) else ()
        return (*start, *self._control_images, *(each for some in self.shown for each in some))

    @property
    def _control_images(self) -> tuple[Photo, ...]:
        return photos(self.control_image)

    @cached_property
    def controls(self) -> tuple[Control, ...]:
        """What ControlNets are shown, in their order."""
        return controls(self._control_images, **self._control_numbers)

    @property
    def _control_numbers(self) -> dict[str, Any]:
        """As JSON values."""
        given = {
            "controlnet_conditioning_scale": self.controlnet_conditioning_scale,
            "control_guidance_start": self.control_guidance_start,
            "control_guidance_end": self.control_guidance_end,
        }
        return {
            name: list(each) if isinstance(each, list | tuple) else each
            for name, each in given.items()
        }

    @cached_property
    def card(self) -> Card:
        named = isinstance(self.model, str | Checkpoint) or not hasattr(self.model, "card")
        return card(self.model) if named else self.model.card  # type: ignore

    @cached_property
    def size(self) -> Size:
        """Of the canvas, in latent cells."""
        card, image = self.card, self.origin
        if image is None:
            return painted_size(card, self.height, self.width)
        return enlarged_size(card, _pixels(image, card), self.height, self.width, self.scale)

    @property
    def start(self) -> Size | None:
        """Of the image, in latent cells: those nearest to it; None where there is none."""
        image, card = self.origin, self.card
        return None if image is None else card.nearest(*_pixels(image, card))

    @property
    def origin(self) -> Photo | Tensor | None:
        """The image, read."""
        return origin(self.image)

    def stages(self, model: Guided) -> Iterator[Stage]:
        """What is painted, of a network as `guided` makes it: from the image, or from noise."""
        if self.start is None:
            return self.method.stages(model, self.size)
        return self.method.enlarge(model, self.start, self.size)

    @cached_property
    def schedule(self) -> Schedule:
        return schedule(self.card.scheduler, self._steps, self.solver)

    @cached_property
    def shown(self) -> tuple[tuple[Photo, ...], ...]:
        """The images for each IP-Adapter."""
        return images(self.ip_adapter_image)

    @cached_property
    def told(self) -> Prompt:
        """What the model is told in words, or in embeddings, and in images."""
        words = {name: getattr(self, name) for name in ("prompt", *TEXTS, "clip_skip", *EMBEDS)}
        return Prompt(
            **words,
            ip_adapter_image=tuple(tuple(each.pixels for each in some) for some in self.shown),
            ip_adapter_image_embeds=_listed(self.ip_adapter_image_embeds),
        )

    @cached_property
    def framing(self) -> tuple[Framing, Framing] | None:
        """What is said of sizes, for the prompt and for the negative one; as they are if None."""
        return framings(self._sizes)

    @property
    def _sizes(self) -> dict[str, Pair]:
        sizes = {name: getattr(self, name) for name in SIZES}
        return {name: pair for name, pair in sizes.items() if pair is not None}

    @property
    def _steps(self) -> int:
        return self.num_inference_steps or self.card.num_inference_steps

    @property
    def _scale(self) -> float:
        return self.card.guidance_scale if self.guidance_scale is None else self.guidance_scale

    def guided(self, network: Painter) -> Guided:
        """The network as methods get it: with this request's guidance."""
        if self.card.distilled:
            return Told(network, self._scale)
        if self.pag_scale:
            return Guider.pag(network, self._scale, self.pag_scale, self.guidance_rescale)
        return CFG(network, self._scale, self.guidance_rescale, self.guidance_interval)

    def to_json(self) -> dict[str, Any]:
        """All that makes the picture, with defaults filled in, as JSON values."""
        size, factor = self.size, self.card.factor
        return {
            "model": self.card.checkpoint.to_json(),
            **{name: getattr(self, name) for name in ("prompt", *TEXTS, "clip_skip")},
            **{name: _maybe(noted, getattr(self, name)) for name in EMBEDS},
            **{name: _maybe(list, getattr(self, name)) for name in SIZES},
            "ip_adapter_image": [[each.to_json() for each in some] for some in self.shown] or None,
            "ip_adapter_image_embeds": [*map(noted, self.told.ip_adapter_image_embeds)] or None,
            "image": _told(self.origin),
            "height": size.height * factor,
            "width": size.width * factor,
            "method": method_to_json(self.method),
            "num_inference_steps": self._steps,
            "guidance_scale": self._scale,
            "guidance_rescale": self.guidance_rescale,
            "guidance_interval": list(self.guidance_interval),
            "pag_scale": self.pag_scale,
            "solver": self.solver,
            "seed": self.seed,
            "control_image": [image.to_json() for image in self._control_images],
            **self._control_numbers,
        }

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> "Request":
        """The request whose `to_json` this is."""
        return cls(**cls.arguments(given))

    @classmethod
    def arguments(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments that make the request whose `to_json` this is."""
        known = {field.name for field in fields(cls)} & set(given)
        whole = {"model", "prompt", "method"} <= known and isinstance(given["method"], Mapping)
        if not whole or not isinstance(given["model"], str | Mapping):
            raise BadRequest("these are no settings of a picture")
        if given.get("noise"):
            raise BadRequest("the picture was painted from noise that its settings do not hold")
        if any(given.get(name) for name in (*EMBEDS, "ip_adapter_image_embeds")):
            raise BadRequest(
                "the picture was painted from embeddings that its settings do not hold"
            )
        arguments = {name: given[name] for name in known}
        arguments["method"] = method_from_json(given["method"])
        arguments["control_image"] = images_from_json(given.get("control_image"))
        if isinstance(given["model"], Mapping):
            arguments["model"] = Checkpoint.from_json(given["model"])
        if isinstance(given.get("guidance_interval"), list):
            arguments["guidance_interval"] = tuple(given["guidance_interval"])
        return arguments


def _maybe(made: Callable[[Any], Any], value: Any) -> Any:
    return None if value is None else made(value)


def _listed(embeds: Embeds | Tensor | None) -> tuple[Tensor, ...]:
    return (embeds,) if isinstance(embeds, Tensor) else tuple(embeds or ())


def _pixels(image: Photo | Tensor, card: Card) -> Size:
    return image.size if isinstance(image, Photo) else Size(*image.shape[-2:]).times(card.factor)


def _told(image: Photo | Tensor | None) -> dict[str, Any] | None:
    if isinstance(image, Tensor):
        return {"path": None, "digest": digest(image.detach().float().cpu().numpy())}
    return image and image.to_json()


def _check_latents(image: Tensor, channels: int) -> None:
    if image.ndim != 4 or image.shape[:2] != (1, channels) or not image.numel():
        raise BadRequest(
            f"the image is latents of shape {tuple(image.shape)}; 1 {channels} and two sides are"
            " needed"
        )
    if not image.isfinite().all():
        raise BadRequest("the image is latents in which there are NaN or infinite values")
