"""Whether a request can be painted: what one setting alone does not tell."""

import json
from typing import TYPE_CHECKING

import torch

from muralist.errors import BadRequest
from muralist.guides import Reference
from muralist.methods import method_to_json
from muralist.models.blank import Blank
from muralist.request.conditioning import TEXTS, check_told
from muralist.request.controls import check_images
from muralist.request.start import check_start

if TYPE_CHECKING:
    from muralist.request.request import Request

__all__ = ["LONGEST_PROMPT", "check"]

# Characters: at worst twelve bytes each, and two such prompts fit into what pictures carry.
LONGEST_PROMPT = 2_500
_CARRIED = 64_000  # bytes of settings, in EXIF's 64 KiB


def check(request: "Request") -> None:
    """Raises `BadRequest`, `ModelNotFound` or `UnsupportedModel`, before anything is loaded."""
    card = request.card
    for name in ("prompt", *TEXTS):
        text = getattr(request, name) or ""
        if len(text) > LONGEST_PROMPT:
            raise BadRequest(f"{name} is longer than {LONGEST_PROMPT} characters")
        if any("\ud800" <= letter <= "\udfff" for letter in text):  # no encoding writes these
            raise BadRequest(f"{name} holds half a character, a surrogate; Unicode text is needed")
    _check_method(request)
    _check_guidance(request)
    _check_start(request)
    check_images(request.conditions, card, request.size.times(card.factor))
    _ = request.controls, request.framing  # raise where numbers or sizes are none
    check_told(request.told, request.sizes, card, request.guidance > 1)
    _check_stages(request)
    carried = len(json.dumps(request.to_json()))
    if carried > _CARRIED:
        raise BadRequest(
            f"the settings are {carried} bytes of JSON, and pictures carry {_CARRIED}; shorter"
            " texts and names of files are needed"
        )


def _check_method(request: "Request") -> None:
    method = request.method
    if isinstance(method, type) or not hasattr(method, "stages"):
        raise BadRequest(f"method is {method!r}; an instance, DemoFusion() say, is needed")


def _check_guidance(request: "Request") -> None:
    interval, pag, card = request.guidance_interval, request.pag_scale, request.card
    numbers = isinstance(interval, tuple) and all(isinstance(x, int | float) for x in interval)
    if not (numbers and len(interval) == 2):
        raise BadRequest(f"guidance_interval is {interval!r}; two fractions are needed")
    if pag and card.distilled:
        raise BadRequest(
            f"pag_scale is {pag}; {card.name} was distilled with guidance, and takes none beside"
            " it: 0 is needed"
        )
    if pag and not (request.guidance > 1 and interval == (0.0, 1.0)):
        raise BadRequest(f"pag_scale is {pag}; it needs a guidance_scale above 1 at every step")


def _check_start(request: "Request") -> None:
    start, method = request.origin, request.method
    if start is None:
        if request.scale is not None:
            raise BadRequest(f"scale is {request.scale:g}; there is no image that it is of")
        return
    if not hasattr(method, "enlarge"):
        raise BadRequest(f"{type(method).__name__} cannot start from an image")
    check_start(start, request.card, request.height, request.width)


def _check_stages(request: "Request") -> None:
    """Every stage's expression is built, of tensors without data."""
    channels, blank = request.card.channels, request.guided(Blank(request.card.native))
    for number, stage in enumerate(request.stages(blank), start=1):
        if number == 1 and request.image is None and stage.strength != 1:
            raise BadRequest(f"the first stage starts from noise: not at {stage.strength}")
        request.schedule.entered(stage.strength)
        if stage.sketch is not None:
            _check_sketched(request)
        nothing = torch.empty(1, channels, *stage.size, device="meta")
        stage.denoiser(Reference(nothing, nothing))  # raises where a part cannot be made


def _check_sketched(request: "Request") -> None:
    """Of a method that draws the control images itself."""
    name, count = method_to_json(request.method)["name"], request.card.controlnets
    if count != 1:
        raise BadRequest(
            f"{name} shows edges to a ControlNet, and {request.card.name} has {count} of them: one"
            " is needed"
        )
    if request.control_image:
        raise BadRequest(f"{name} draws the control image itself; control_image is not for it")
