"""Control images and their numbers as they are asked for, as what ControlNets are shown."""

from collections.abc import Sequence
from typing import Any

import torch

from muralist.canvas import Size
from muralist.errors import BadRequest
from muralist.models.base import Card
from muralist.photo import Given, Photo, photo
from muralist.query import Control
from muralist.request.target import same_ratio

__all__ = ["check_images", "controls", "photos"]

_MOST = 10.0  # of a scale, of which 1 is usual
_LONGER = 0.01  # by which the ratio of an image may differ from the picture's, whatever a cell is


def photos(given: Given | Sequence[Given] | None) -> tuple[Photo, ...]:
    """One image or several, read; what `Photo.to_json` made is read again.

    Raises `BadRequest` for what is no image.
    """
    if given is None:
        return ()
    several = isinstance(given, list | tuple)
    return tuple(photo(each) for each in (given if several else [given]))  # type: ignore


def check_images(images: Sequence[Photo], card: Card, size: Size) -> None:
    """Raises `BadRequest` unless each of a model's ControlNets has an image of the right ratio.

    `size` is the picture's, in pixels. No image at all is possible, too.
    """
    if not images:
        return
    if not card.controlnets:
        raise BadRequest(
            f"control_image is given, and {card.name} has no ControlNet; load the model with"
            " controlnet=..., or wrap a pipeline that has one"
        )
    if len(images) != card.controlnets:
        raise BadRequest(
            f"there are {len(images)} control images, and {card.name} has {card.controlnets}"
            " ControlNets: one image for each is needed"
        )
    for number, image in enumerate(images, start=1):
        longer = image.size.height * size.width / (image.size.width * size.height)
        if abs(longer - 1) > _LONGER and not same_ratio(card, image.size, *size):
            raise BadRequest(
                f"control image {number} is {image.size} pixels, the picture {size}: it lies over"
                " all of the picture, and needs its ratio of height and width"
            )


def controls(
    images: Sequence[Photo],
    *,
    controlnet_conditioning_scale: float | Sequence[float],
    control_guidance_start: float | Sequence[float],
    control_guidance_end: float | Sequence[float],
) -> tuple[Control, ...]:
    """A control for each image, of numbers for all of them or one for each; diffusers' names.

    Without images numbers mean nothing.
    Raises `BadRequest` for a scale that is not from 0 to 10, and for a start and an end that are no
    fractions of the steps, the smaller first.
    """
    if not images:
        return ()
    count = len(images)
    scales = _each("controlnet_conditioning_scale", controlnet_conditioning_scale, count)
    starts = _each("control_guidance_start", control_guidance_start, count)
    ends = _each("control_guidance_end", control_guidance_end, count)
    for scale in scales:
        if not 0 <= scale <= _MOST:
            raise BadRequest(
                f"controlnet_conditioning_scale is {scale}; 0 to {_MOST:g} are possible, and 1 is"
                " usual"
            )
    for start, end in zip(starts, ends, strict=True):
        if not 0 <= start < end <= 1:
            raise BadRequest(
                f"control_guidance_start is {start} and control_guidance_end is {end}; fractions"
                " of the steps, 0 to 1, the smaller first, are possible"
            )
    shown = [torch.from_numpy(image.pixels) for image in images]
    return tuple(Control(*each) for each in zip(shown, scales, starts, ends, strict=True))


def _each(name: str, given: Any, count: int) -> Sequence[float]:
    """A number for each image."""
    numbers = list(given) if isinstance(given, list | tuple) else [given]
    if len(numbers) == 1:
        numbers = numbers * count
    if len(numbers) != count:
        raise BadRequest(f"{name} has {len(numbers)} numbers for {count} control images")
    for number in numbers:
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise BadRequest(f"{name} is {number!r}; a number is needed")
    return numbers
