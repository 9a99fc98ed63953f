"""A picture's settings as people would type them: a command line, and Python."""

from collections.abc import Iterator
from dataclasses import fields
from shlex import join
from typing import Any

from muralist.methods import method_to_json
from muralist.request import Request
from muralist.settings import to_json, typed

__all__ = ["as_command", "as_python"]

# of a request, in this order; what else there may be is not asked for in the studio
_SETTINGS = (
    "negative_prompt",
    "num_inference_steps",
    "guidance_scale",
    "guidance_rescale",
    "guidance_interval",
    "pag_scale",
    "solver",
    "seed",
)


def as_command(request: Request, image: str = "image.png", out: str = "picture.png") -> str:
    """The command that paints a picture, with all that is not a default.

    `image` is the name of the file that it starts from, if it starts from one.
    """
    width, height = _size(request)
    parts = ["muralist", "paint", request.prompt]
    if request.image is not None:
        parts = ["muralist", "upscale", image, *([request.prompt] if request.prompt else [])]
    parts += ["--model", request.card.name, "--size", f"{width}x{height}"]
    method = method_to_json(request.method)
    parts += ["--method", method.pop("name")]
    for name, value in _changed(request.method, method):
        parts += ["--set", f"{name}={typed(value)}"]
    for name, value in _asked(request):
        option = "--steps" if name == "num_inference_steps" else f"--{name.replace('_', '-')}"
        values = value if isinstance(value, tuple) else (value,)
        parts += [option, *map(typed, values)]
    return join([*parts, "--out", out])


def as_python(request: Request, image: str = "image.png", out: str = "picture.png") -> str:
    """The lines of Python that paint a picture, with all that is not a default."""
    width, height = _size(request)
    given = [repr(request.card.name), repr(request.prompt)]
    if request.image is not None:
        given.append(f"image={image!r}")
    given += [f"height={height}", f"width={width}", f"method={_constructed(request.method)}"]
    given += [f"{name}={value!r}" for name, value in _asked(request)]
    lines = "".join(f"    {each},\n" for each in given)
    return f"import muralist\n\npicture = muralist.paint(\n{lines})\npicture.save({out!r})\n"


def _size(request: Request) -> tuple[int, int]:
    """Width and height in pixels."""
    height, width = request.size.times(request.card.factor)
    return width, height


def _asked(request: Request) -> Iterator[tuple[str, Any]]:
    for name in _SETTINGS:
        value = getattr(request, name)
        if value != getattr(Request, name):
            yield name, value


def _changed(method: Any, values: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Settings that are not as a method has them by itself."""
    usual = to_json(type(method)())
    return ((name, value) for name, value in values.items() if value != usual[name])


def _constructed(instance: Any) -> str:
    """A dataclass by its own settings, and those of what it holds, which are not the usual ones."""
    usual = type(instance)()
    given = []
    for field in fields(instance):
        value = getattr(instance, field.name)
        if value != getattr(usual, field.name):
            written = _constructed(value) if "held" in field.metadata else repr(value)
            given.append(f"{field.name}={written}")
    return f"muralist.{type(instance).__name__}({', '.join(given)})"
