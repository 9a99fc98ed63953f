"""A file of prompts: one JSON object a line, each a picture."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from muralist.errors import BadRequest, MuralistError
from muralist.methods import method_from_json
from muralist.models import Checkpoint
from muralist.request import Request
from muralist.request.typed import request
from muralist.series import Wanted
from muralist.suggest import did_you_mean

__all__ = ["filled_lines", "wanted"]

_SHORT = {"steps": "num_inference_steps"}
_HANDS = ("workers", "ray")  # of all pictures together
_KNOWN = [each.name for each in fields(Request) if each.name not in _HANDS]
_KNOWN += ["out", "size", *_SHORT]


def wanted(
    file: Path, folder: Path, liked: Mapping[str, Any], given: Mapping[str, Any]
) -> list[Wanted]:
    """The pictures that a file asks for, in a folder.

    A line is an object with a `prompt`, or the prompt alone. What else it holds goes before what
    was typed (`given`) and what a picture to be like holds (`liked`): any argument of a `Request`,
    `size` and `steps` as typed, `method` by name or as pictures hold it, and `out`, the name of
    the picture's file, by number if unset. Seeds count up from the one that was typed.

    Raises `BadRequest`, with the number of the line, for the first that cannot be painted.
    """
    found: list[Wanted] = []
    lines: dict[str, int] = {}  # of the names that are taken
    for number, line in filled_lines(file):
        try:
            known = _read(line)
            name = known.pop("out", None) or f"{number:04}.png"
            if not _names_a_file(name):
                raise BadRequest(f"out is {name!r}; the name of a file is needed, without a folder")
            if name in lines:
                raise BadRequest(f"{name} is taken by line {lines[name]}")
            lines[name] = number
            numbered = {**given, "seed": (given.get("seed") or 0) + len(found)}
            found.append(Wanted(number, _request(known, liked, numbered), folder / name))
        except (MuralistError, TypeError) as error:
            raise BadRequest(f"{file}, line {number}: {error}") from error
    if not found:
        raise BadRequest(f"{file} holds no prompts; a JSON object a line is needed")
    return found


def _names_a_file(name: object) -> bool:
    if not isinstance(name, str) or not name.isprintable():
        return False
    return Path(name).name == name and not name.startswith(".")


def filled_lines(file: Path) -> Iterator[tuple[int, str]]:
    """The lines with something in them, numbered from 1."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadRequest(f"{file} cannot be read: {error}") from error
    return ((number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip())


def _read(line: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"this is no JSON: {error}") from error
    known = {"prompt": value} if isinstance(value, str) else value
    if not isinstance(known, dict) or not isinstance(known.get("prompt"), str):
        raise BadRequest('there is no prompt; an object is needed, {"prompt": "a sea"} say')
    for name in known:
        if name not in _KNOWN:
            raise BadRequest(f"there is no setting {name!r}; {did_you_mean(name, _KNOWN)}")
    return {_SHORT.get(name, name): value for name, value in known.items()}


def _request(known: dict[str, Any], liked: Mapping[str, Any], given: dict[str, Any]) -> Request:
    """The request of a line, over what was typed."""
    method = known.get("method")
    if method is not None and not isinstance(method, str | Mapping):
        raise BadRequest(f"method is {method!r}; a name is needed, or what pictures hold")
    if isinstance(method, Mapping):
        liked = {**liked, "method": method_from_json(method)}
        del known["method"]
        given = {name: value for name, value in given.items() if name != "method"}
    if isinstance(known.get("model"), Mapping):
        known["model"] = Checkpoint.from_json(known["model"])
    if isinstance(interval := known.get("guidance_interval"), list):
        known["guidance_interval"] = tuple(interval)
    if {"width", "height", "scale"} & set(known):
        given = {name: value for name, value in given.items() if name != "size"}
    if "scale" in known:
        liked = {name: value for name, value in liked.items() if name not in ("height", "width")}
    return request(liked, **{**given, **known})
