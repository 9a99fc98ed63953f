"""Requests, of what was typed."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from muralist.errors import BadRequest
from muralist.methods import METHODS, method_named
from muralist.models import Checkpoint
from muralist.models.cards import checkpoint_of
from muralist.request.request import Request
from muralist.settings import parsed, settings_of

__all__ = ["arguments", "pair", "request", "size", "varied"]


def request(liked: Mapping[str, Any], **given: Any) -> Request:
    """The request of what was typed, as `arguments` takes it."""
    return Request(**arguments(liked, **given))


def arguments(liked: Mapping[str, Any], **given: Any) -> dict[str, Any]:
    """The arguments of a request of what was typed, over those of another.

    `given` is what a `Request` takes, but that `method` is a name, `set` its settings as they are
    typed, `added` what a checkpoint has beside its name; `size`, `original_size` and `target_size`
    may be a width and a height in a text, and `crop` is left and top. None is not given.
    """
    given = {name: value for name, value in given.items() if value is not None}
    added = given.pop("added", {})
    known = {**liked, **_method(liked, given.pop("method", None), given.pop("set", [])), **given}
    if added:
        known["model"] = _checkpoint(known.get("model", Request.model), added)
    if "size" in known:
        known["height"], known["width"] = size("size", known.pop("size"))
    for name in ("original_size", "target_size"):
        if isinstance(known.get(name), str):
            known[name] = size(name, known[name])
    if "crop" in known:
        known["crops_coords_top_left"] = _pair("crop", known.pop("crop"), ",", "LEFT,TOP", "64,0")
    return known


def varied(given: Mapping[str, Any], name: str, values: Iterable[str]) -> dict[str, dict[str, Any]]:
    """What `arguments` takes, with a setting of the request or of its method at several values.

    By the setting's name and the value, in their order; methods by their names alone. Raises
    `BadRequest` for a value of the request's settings that is not possible.
    """
    texts = [value.strip() for value in values]
    labels = [text if name == "method" else f"{name} {text}" for text in texts]
    return {label: _with(given, name, text) for label, text in zip(labels, texts, strict=True)}


def pair(text: str, option: str = "--set") -> tuple[str, str]:
    """Name and value of what an option was given."""
    name, equals, value = text.partition("=")
    if not equals:
        raise BadRequest(f"{option} {text} has no value; NAME=VALUE is needed")
    return name.strip().replace("-", "_"), value.strip()


def size(name: str, text: str) -> tuple[int, int]:
    """Height and width of what was typed, width first."""
    return _pair(name, text, "x", "WIDTHxHEIGHT", "512x512")


def _with(given: Mapping[str, Any], name: str, value: str) -> dict[str, Any]:
    of_request = {one.name: one.read for one in settings_of(Request)}
    of_request |= {"method": str, "steps": of_request["num_inference_steps"]}
    of_request |= dict.fromkeys(("size", "original_size", "target_size", "crop"), str)
    if name not in of_request:
        return {**given, "set": [*given.get("set", []), f"{name}={value}"]}
    varied = "num_inference_steps" if name == "steps" else name
    return {**given, varied: of_request[name](value)}


def _method(liked: Mapping[str, Any], name: str | None, pairs: list[str]) -> dict[str, Any]:
    old = liked.get("method")
    cls = method_named(name) if name else type(old) if old else METHODS["demofusion"]
    typed = dict(pair(text) for text in pairs)
    return {"method": parsed(cls, typed, base=old if type(old) is cls else None)}


def _checkpoint(model: Any, added: Mapping[str, Any]) -> Checkpoint:
    """What is loaded already, or a name, with what was typed instead."""
    known = dict(added)
    for name in ("lora", "ip_adapter"):
        if name in known:
            known[name] = [_weighed(name, text) for text in known[name]]
    return replace(checkpoint_of(model), **known)


def _weighed(name: str, text: str) -> tuple[str, float]:
    """A file and its weight, 1 if unset."""
    file, equals, weight = text.rpartition("=")
    if not equals:
        return text, 1.0
    try:
        return file, float(weight)
    except ValueError as error:
        option = f"--{name.replace('_', '-')}"
        raise BadRequest(f"{option} {text}: {weight!r} is no number; FILE=NUMBER is needed") from (
            error
        )


def _pair(name: str, text: str, between: str, form: str, example: str) -> tuple[int, int]:
    """What was typed across first, as everybody else has it: down first."""
    across, _, down = str(text).lower().partition(between)
    if not (across.strip().isdecimal() and down.strip().isdecimal()):
        raise BadRequest(f"{name} is {text!r}; {form} in pixels is needed, {example} for example")
    return int(down), int(across)
