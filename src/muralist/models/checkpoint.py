"""All that is loaded to paint with: a model by name, and what is added to it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeAlias

from muralist.errors import BadRequest

__all__ = ["Checkpoint", "IPAdapter", "Lora", "OneIPAdapter", "OneLora"]


@dataclass(frozen=True)
class Lora:
    """Low-rank changes of a model's weights (Hu et al., 2021): kohya's format or diffusers'."""

    file: str  # .safetensors, or a folder that holds one
    weight: float = 1.0

    def __post_init__(self) -> None:
        _check_number("the weight of a LoRA", self.weight)


@dataclass(frozen=True)
class IPAdapter:
    """Attention to pictures beside the prompt (Ye et al., 2023)."""

    file: str  # .safetensors, or a folder that holds one
    scale: float = 1.0
    image_encoder: str | None = None  # a folder; `image_encoder` beside the file if unset

    def __post_init__(self) -> None:
        _check_number("the scale of an IP-Adapter", self.scale)


OneLora: TypeAlias = str | Path | Lora | tuple[str | Path, float]
OneIPAdapter: TypeAlias = (
    str | Path | IPAdapter | tuple[str | Path, float] | tuple[str | Path, float, str]
)


@dataclass(frozen=True)
class Checkpoint:
    """What `load` makes a model of, by names that any process can load it by.

    `name` is an alias, a diffusers folder, a `.safetensors` file or a hub id, `variant` the one of
    its weights (`fp16`), `config` the diffusers folder or hub id that a single file's configs and
    tokenizers come from. The rest is added to it, and may be given as `load` takes it: ControlNets
    and the autoencoder as folders or hub ids (of an autoencoder also one file), LoRAs, IP-Adapters
    and embeddings of textual inversion as files. A file of a hub's repository is named by its id
    and its path: `owner/name/file.safetensors`.

    Raises `BadRequest` for what is no name or weight; nothing is looked for.
    """

    name: str
    variant: str | None = None
    config: str | None = None
    vae: str | None = None
    controlnet: tuple[str, ...] = ()
    lora: tuple[Lora, ...] = ()
    ip_adapter: tuple[IPAdapter, ...] = ()
    textual_inversion: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for one in ("name", "variant", "config", "vae"):
            given = getattr(self, one)
            if given is not None or one == "name":
                object.__setattr__(self, one, _name(one, given))
        for several in ("controlnet", "textual_inversion"):
            names = tuple(_name(several, each) for each in _listed(getattr(self, several)))
            object.__setattr__(self, several, names)
        loras = tuple(_made(Lora, each) for each in _listed(self.lora))
        object.__setattr__(self, "lora", loras)
        adapters = tuple(_made(IPAdapter, each) for each in _listed(self.ip_adapter))
        object.__setattr__(self, "ip_adapter", adapters)

    def to_json(self) -> str | dict[str, Any]:
        """The name alone where nothing else is set."""
        given = {
            field.name: _plain(getattr(self, field.name))
            for field in fields(self)
            if getattr(self, field.name) not in (None, ())
        }
        return self.name if set(given) == {"name"} else given

    @classmethod
    def from_json(cls, given: Any) -> "Checkpoint":
        """The checkpoint whose `to_json` this is."""
        if isinstance(given, str):
            return cls(given)
        known = {field.name for field in fields(cls)}
        if not isinstance(given, Mapping) or "name" not in given or set(given) - known:
            raise BadRequest(f"{given!r} names no model")
        return cls(**given)


def _plain(value: Any) -> Any:
    """As JSON has it."""
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if isinstance(value, Lora | IPAdapter):
        return [getattr(value, field.name) for field in fields(value)]
    return value


def _listed(given: Any) -> Iterable[Any]:
    """One, or several; a pair of a name and a number is one."""
    one = isinstance(given, str | Path | Lora | IPAdapter) or (
        isinstance(given, tuple | list)
        and len(given) in (2, 3)
        and isinstance(given[0], str | Path)
        and isinstance(given[1], int | float)
    )
    if given is None or one:
        return () if given is None else (given,)
    if not isinstance(given, Iterable):
        raise BadRequest(f"{given!r} is no name of a file or folder, and no list of them")
    return tuple(given)


def _made(kind: type[Any], given: Any) -> Any:
    """A LoRA or an IP-Adapter from its file, or from its file and numbers."""
    if isinstance(given, kind):
        return given
    file, *rest = given if isinstance(given, tuple | list) and given else (given,)
    if len(rest) >= len(fields(kind)):
        raise BadRequest(f"{given!r} is no {kind.__name__}: a file and a number are needed")
    return kind(_name(kind.__name__, file), *rest)


def _name(what: str, given: Any) -> str:
    if not isinstance(given, str | Path) or not str(given):
        raise BadRequest(f"{what} is {given!r}; the name of a file, a folder or a model is needed")
    return str(given)


def _check_number(what: str, given: Any) -> None:
    if isinstance(given, bool) or not isinstance(given, int | float) or not abs(given) <= 1000:
        raise BadRequest(f"{what} is {given!r}; a number from -1000 to 1000 is needed")
