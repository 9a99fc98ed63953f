"""Requests as JSON values, and back."""

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

from torch import Tensor

from muralist.errors import BadRequest
from muralist.methods import method_from_json, method_to_json
from muralist.models import Checkpoint
from muralist.photo import Photo, digest
from muralist.request.conditioning import EMBEDS, SIZES, TEXTS

if TYPE_CHECKING:
    from muralist.request.request import Request

__all__ = ["arguments", "written"]


def written(request: "Request") -> dict[str, Any]:
    """All that makes the picture, with defaults filled in.

    Images are there by their files and digests, tensors by their digests alone.
    """
    height, width = request.size.times(request.card.factor)
    return {
        "model": request.card.checkpoint.to_json(),
        **{name: getattr(request, name) for name in ("prompt", *TEXTS, "clip_skip")},
        **{name: _maybe(_noted, getattr(request, name)) for name in EMBEDS},
        **{name: _maybe(list, getattr(request, name)) for name in SIZES},
        "ip_adapter_image": [[each.to_json() for each in some] for some in request.shown] or None,
        "ip_adapter_image_embeds": [*map(_noted, request.told.ip_adapter_image_embeds)] or None,
        "image": _maybe(_image, request.origin),
        "height": height,
        "width": width,
        "method": method_to_json(request.method),
        "num_inference_steps": request.steps,
        "guidance_scale": request.guidance,
        "guidance_rescale": request.guidance_rescale,
        "guidance_interval": list(request.guidance_interval),
        "pag_scale": request.pag_scale,
        "solver": request.solver,
        "seed": request.seed,
        "control_image": [image.to_json() for image in request.conditions],
        **{name: _listed(number) for name, number in request.control_numbers.items()},
    }


def arguments(given: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    """Those of a request's arguments, by their `names`, that were written down.

    Images stay as they were written: a request reads them. Raises `BadRequest` for what is no
    request, and for one that needs tensors, which are not written.
    """
    known = {name: value for name, value in given.items() if name in names}
    whole = {"model", "prompt", "method"} <= set(known) and isinstance(known["method"], Mapping)
    if not whole or not isinstance(known["model"], str | Mapping):
        raise BadRequest("these are no settings of a picture")
    if given.get("noise"):
        raise BadRequest("the picture was painted from noise that its settings do not hold")
    if any(known.get(name) for name in (*EMBEDS, "ip_adapter_image_embeds")):
        raise BadRequest("the picture was painted from embeddings that its settings do not hold")
    known["method"] = method_from_json(known["method"])
    if isinstance(known["model"], Mapping):
        known["model"] = Checkpoint.from_json(known["model"])
    if isinstance(known.get("guidance_interval"), list):
        known["guidance_interval"] = tuple(known["guidance_interval"])
    return known


def _image(image: Photo | Tensor) -> dict[str, Any]:
    return {"path": None, **_noted(image)} if isinstance(image, Tensor) else image.to_json()


def _noted(tensor: Tensor) -> dict[str, str]:
    """A tensor as JSON that tells others apart, and does not hold it."""
    return {"digest": digest(tensor.detach().float().cpu().numpy())}


def _maybe(made: Callable[[Any], Any], value: Any) -> Any:
    return None if value is None else made(value)


def _listed(number: Any) -> Any:
    return list(number) if isinstance(number, tuple) else number
