"""One paper, one file, one expression."""

from collections.abc import Mapping
from typing import Any

from muralist.errors import BadRequest
from muralist.methods.accdiffusion import AccDiffusion
from muralist.methods.accdiffusion2 import AccDiffusion2
from muralist.methods.demofusion import DemoFusion
from muralist.methods.multidiffusion import MultiDiffusion
from muralist.methods.pixelsmith import Pixelsmith
from muralist.settings import from_json, to_json
from muralist.stage import Method
from muralist.suggest import did_you_mean

__all__ = [
    "METHODS",
    "AccDiffusion",
    "AccDiffusion2",
    "DemoFusion",
    "MultiDiffusion",
    "Pixelsmith",
    "method_from_json",
    "method_named",
    "method_to_json",
]

METHODS: Mapping[str, type] = {
    "accdiffusion": AccDiffusion,
    "accdiffusion2": AccDiffusion2,
    "demofusion": DemoFusion,
    "multidiffusion": MultiDiffusion,
    "pixelsmith": Pixelsmith,
}


def method_named(name: str) -> type:
    """The class of a method; `BadRequest` with a suggestion where there is none."""
    if name not in METHODS:
        raise BadRequest(f"there is no method {name!r}; {did_you_mean(name, METHODS)}")
    return METHODS[name]


def method_to_json(method: Method) -> dict[str, Any]:
    """`{"name": ..., settings}`; of a method that is not listed, the name of its class alone."""
    names = {kind: name for name, kind in METHODS.items()}
    if type(method) not in names:
        return {"name": type(method).__name__}
    return {"name": names[type(method)], **to_json(method)}


def method_from_json(given: Mapping[str, Any]) -> Method:
    """The method whose `method_to_json` this is."""
    settings = dict(given)
    return from_json(method_named(str(settings.pop("name", ""))), settings)
