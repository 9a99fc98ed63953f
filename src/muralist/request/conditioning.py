"""What a request tells its model beside its size: words, images and micro-conditioning, checked."""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeAlias

from torch import Tensor

from muralist.errors import BadRequest
from muralist.models.base import Card
from muralist.models.prompt import Prompt
from muralist.photo import Given, Photo
from muralist.query import Framing
from muralist.request.controls import photos

__all__ = [
    "EMBEDS",
    "SIZES",
    "TEXTS",
    "Embeds",
    "Images",
    "Pair",
    "check_told",
    "framings",
    "images",
]

Pair: TypeAlias = tuple[int, int]
Images: TypeAlias = Given | Sequence[Given | Sequence[Given]]
Embeds: TypeAlias = Sequence[Tensor]

_TOKENS = 77  # of CLIP's text encoders
_LARGEST = 2**20  # pixels
# Arguments of diffusers' pipelines, beside the prompt.
TEXTS = ("prompt_2", "negative_prompt", "negative_prompt_2")
EMBEDS = (
    "prompt_embeds",
    "negative_prompt_embeds",
    "pooled_prompt_embeds",
    "negative_pooled_prompt_embeds",
)
SIZES = (
    "original_size",
    "crops_coords_top_left",
    "target_size",
    "negative_original_size",
    "negative_crops_coords_top_left",
    "negative_target_size",
)
# Those that say what others are given for.
_INSTEAD = {
    "prompt_embeds": ("prompt", "prompt_2", "clip_skip"),
    "negative_prompt_embeds": ("negative_prompt", "negative_prompt_2"),
    "ip_adapter_image_embeds": ("ip_adapter_image",),
}
_BESIDE = {
    "pooled_prompt_embeds": "prompt_embeds",
    "negative_pooled_prompt_embeds": "negative_prompt_embeds",
}


def images(given: Images | None) -> tuple[tuple[Photo, ...], ...]:
    """The photos for each IP-Adapter: of one image, or one or several for each of them.

    What `Photo.to_json` made is read again. Raises `BadRequest` for what is no image.
    """
    each: Any = given if isinstance(given, list | tuple) else [] if given is None else [given]
    return tuple(map(photos, each))


def framings(sizes: Mapping[str, Sequence[int]]) -> tuple[Framing, Framing] | None:
    """What the prompt's rows are told of sizes, and those that guidance leads away from.

    `sizes` are those of diffusers' six arguments that are given, by name; None where none is.
    Raises `BadRequest` for what is no pair of pixels, and for half of the negative ones.
    """
    known = {name: _pair(name, value) for name, value in sizes.items()}
    away = {name: pair for name, pair in known.items() if name.startswith("negative_")}
    if not known:
        return None
    if away and not {"negative_original_size", "negative_target_size"} <= set(away):
        raise BadRequest(
            f"{' and '.join(away)} alone would not be told; negative_original_size and"
            " negative_target_size are needed, both"
        )
    positive = Framing(**{name: pair for name, pair in known.items() if name not in away})
    negative = Framing(**{name.removeprefix("negative_"): pair for name, pair in away.items()})
    return positive, negative if away else positive


def _pair(name: str, value: Any) -> Pair:
    least = 0 if "crops" in name else 1
    whole = isinstance(value, list | tuple) and all(type(side) is int for side in value)
    if not (whole and len(value) == 2 and all(least <= side <= _LARGEST for side in value)):
        what = "top and left" if "crops" in name else "height and width"
        raise BadRequest(
            f"{name} is {value!r}; {what} in pixels are needed, {least} to {_LARGEST} each"
        )
    return tuple(value)


def check_told(prompt: Prompt, sizes: Collection[str], card: Card, guided: bool) -> None:
    """Raises `BadRequest` for what contradicts itself, and for what such a model is not told.

    `sizes` are the names of those that are given.
    """
    empty = ("", ())
    given = {
        name: value
        for name, value in vars(prompt).items()
        if value is not None and (isinstance(value, Tensor) or value not in empty)
    }
    _check_family({**given, **dict.fromkeys(sizes)}, card)
    for name, others in _INSTEAD.items():
        both = [other for other in others if other in given]
        if name in given and both:
            raise BadRequest(f"{name} is given, and {both[0]} as well; only one can be told")
    for name, beside in _BESIDE.items():
        if (name in given) != (beside in given) and card.pooled_width is not None:
            raise BadRequest(f"{beside} and {name} go together; one of them is missing")
    _check_shapes(given, card)
    _check_lengths(prompt, card)
    _check_images(prompt, card, guided)


def _check_family(given: Collection[str], card: Card) -> None:
    for name in given:
        if card.pooled_width is None and re.search("_2$|pooled|_size$|crops", name):
            what = f"a {card.pipeline}" if card.pipeline else "none of its kind"
            raise BadRequest(f"{name} is for Stable Diffusion XL, and {card.name} is {what}")
        if not (card.pipeline or name in ("prompt", "negative_prompt")):
            raise BadRequest(f"{name} is given, and {card.name} listens to nothing")


def _check_shapes(given: Mapping[str, Any], card: Card) -> None:
    for name in [name for name in given if name.endswith("prompt_embeds")]:
        pooled, embeds = "pooled" in name, given[name]
        width = card.pooled_width if pooled else card.text_width
        shape = tuple(embeds.shape) if isinstance(embeds, Tensor) else ()
        needed = (1, width) if pooled else (1, *shape[1:2], width)
        if shape != needed or not all(shape) or not embeds.is_floating_point():
            raise BadRequest(
                f"{name} have shape {shape or type(embeds).__name__}; {card.name} reads floats of"
                f" shape (1, {'' if pooled else 'tokens, '}{width})"
            )


def _check_lengths(prompt: Prompt, card: Card) -> None:
    given, negative = prompt.prompt_embeds, prompt.negative_prompt_embeds
    ours = _TOKENS if given is None else given.shape[1]
    if negative is None:  # zeros as many, or a text that is cut to as many
        zeros = card.pooled_width is not None and prompt.negative_prompt is None
        without = ours if zeros else min(ours, _TOKENS)
    else:
        without = negative.shape[1]
    if ours != without:
        raise BadRequest(
            f"the prompt has {ours} tokens, and what guidance leads away from {without}; give"
            " prompt_embeds and negative_prompt_embeds of the same length"
        )


def _check_images(prompt: Prompt, card: Card, guided: bool) -> None:
    embeds, adapters = prompt.ip_adapter_image_embeds, card.ip_adapters
    count = len(prompt.ip_adapter_image) or len(embeds)
    if count and not adapters:
        raise BadRequest(f"there are images for IP-Adapters, and {card.name} has none; load one")
    if adapters and not count:
        raise BadRequest(
            f"{card.name} has an IP-Adapter, which needs an image: give ip_adapter_image or"
            " ip_adapter_image_embeds, or unload it"
        )
    if count != adapters or not all(prompt.ip_adapter_image):
        raise BadRequest(
            f"there are images for {count} IP-Adapters, and {card.name} has {adapters}; an image,"
            " or a list of images, is needed for each"
        )
    for each in embeds:
        rows = (2,) if guided else (1, 2)
        if not isinstance(each, Tensor) or each.ndim not in (3, 4) or len(each) not in rows:
            shape = tuple(each.shape) if isinstance(each, Tensor) else type(each).__name__
            raise BadRequest(
                f"ip_adapter_image_embeds have shape {shape}; two rows are needed, of no images and"
                " of these, each (images, width) or (images, tokens, width)"
            )
