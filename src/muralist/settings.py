"""A dataclass's fields as settings: with help and range, from text, to JSON and back.

Settings of a dataclass that another holds count as the holder's own, under the same names.
"""

import dataclasses
import math
import typing
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from muralist.errors import BadRequest
from muralist.suggest import did_you_mean

__all__ = [
    "Setting",
    "from_json",
    "held",
    "parsed",
    "setting",
    "settings_of",
    "to_json",
    "typed",
    "validate",
]

T = TypeVar("T")


@dataclass(frozen=True)
class Setting:
    """One field: what it means, what it may be."""

    name: str
    type: Any
    default: Any
    help: str
    low: float
    high: float

    @property
    def choices(self) -> tuple[Any, ...]:
        for kind in (self.type, *typing.get_args(self.type)):
            if typing.get_origin(kind) is Literal:
                return typing.get_args(kind)
        return ()

    @property
    def optional(self) -> bool:
        return type(None) in typing.get_args(self.type)

    @property
    def kind(self) -> Any:
        """The plain type: int of `int | None`, str of a choice of strings."""
        if self.choices:
            return type(self.choices[0])
        plain = [kind for kind in typing.get_args(self.type) if kind is not type(None)]
        return plain[0] if plain else self.type

    @property
    def allowed(self) -> str:
        """The range in words."""
        if self.choices:
            return " or ".join(map(str, self.choices))
        if self.kind is bool:
            return "true or false"
        words = {int: "a whole number", float: "a number", str: "a text"}
        name = words.get(self.kind, str(self.kind.__name__))
        if (self.low, self.high) == (-math.inf, math.inf):
            return name
        low, high = map(_written, (self.low, self.high))
        return f"{name} of at least {low}" if high == "inf" else f"{name} from {low} to {high}"

    def check(self, value: Any) -> None:
        """Raises `BadRequest` for a value of another type or outside the range."""
        if value is None and self.optional:
            return
        if self.choices:
            fits = value in self.choices
        elif self.kind is bool or isinstance(value, bool):
            fits = self.kind is bool and isinstance(value, bool)
        elif self.kind in (int, float):
            kinds = (int, float) if self.kind is float else int
            fits = isinstance(value, kinds) and self.low <= value <= self.high and _finite(value)
        else:
            fits = isinstance(value, self.kind)
        if not fits:
            raise BadRequest(f"{self.name} is {value!r}; {self.allowed} is needed")

    def read(self, text: str) -> Any:
        """A value from what was typed."""
        if self.optional and text.lower() in ("none", "auto", ""):
            return None
        if self.kind is bool:
            words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
            value = words.get(text.lower(), text)
        else:
            try:
                value = self.kind(text)
            except ValueError:
                value = text
        self.check(value)
        return value


def _written(number: float) -> str:
    return str(number) if isinstance(number, int) else f"{number:g}"


def _finite(value: float) -> bool:
    try:
        return math.isfinite(float(value))
    except OverflowError:  # a whole number beyond every float
        return False


def setting(default: Any, help: str, *, low: float = -math.inf, high: float = math.inf) -> Any:
    """A dataclass field with its meaning and its range, both ends allowed."""
    return dataclasses.field(default=default, metadata={"help": help, "low": low, "high": high})


def held(kind: type) -> Any:
    """A dataclass field that holds another dataclass with settings."""
    return dataclasses.field(default_factory=kind, metadata={"held": kind})


def settings_of(cls: type) -> list[Setting]:
    """The settings of a dataclass: its own, in their order, then those of what it holds."""
    return _own(cls) + [one for kind in _held(cls).values() for one in settings_of(kind)]


def _own(cls: type) -> list[Setting]:
    kinds = typing.get_type_hints(cls)
    return [
        Setting(name=field.name, type=kinds[field.name], default=field.default, **field.metadata)
        for field in dataclasses.fields(cls)
        if "help" in field.metadata
    ]


def _held(cls: type) -> dict[str, type]:
    fields = dataclasses.fields(cls)
    return {field.name: field.metadata["held"] for field in fields if "held" in field.metadata}


def validate(instance: Any) -> None:
    """Raises `BadRequest` naming the first field whose value is not allowed."""
    for known in _own(type(instance)):
        known.check(getattr(instance, known.name))
    for name, kind in _held(type(instance)).items():
        if not isinstance(value := getattr(instance, name), kind):
            raise BadRequest(f"{name} is {value!r}; an instance of {kind.__name__} is needed")


def parsed(cls: type[T], given: Mapping[str, str], base: T | None = None) -> T:
    """An instance from name and text pairs, as typed on a command line, over those of `base`."""
    known = {one.name: one for one in settings_of(cls)}
    _refuse_unknown(cls, given, known)
    before = {} if base is None else to_json(base)
    return from_json(cls, before | {name: known[name].read(text) for name, text in given.items()})


def typed(value: Any, unset: str = "none") -> str:
    """A value as `Setting.read` takes it; `unset` for one that is None."""
    if value is None:
        return unset
    return str(value).lower() if isinstance(value, bool) else str(value)


def to_json(instance: Any) -> dict[str, Any]:
    """Settings by name, as JSON values."""
    values = {one.name: getattr(instance, one.name) for one in _own(type(instance))}
    for name in _held(type(instance)):
        values |= to_json(getattr(instance, name))
    return values


def from_json(cls: type[T], given: Mapping[str, Any]) -> T:
    """The instance whose `to_json` this is; settings left out keep their defaults."""
    _refuse_unknown(cls, given, [one.name for one in settings_of(cls)])
    arguments = {one.name: given[one.name] for one in _own(cls) if one.name in given}
    for name, kind in _held(cls).items():
        theirs = [one.name for one in settings_of(kind) if one.name in given]
        arguments[name] = from_json(kind, {key: given[key] for key in theirs})
    return cls(**arguments)


def _refuse_unknown(cls: type, given: Iterable[str], known: Collection[str]) -> None:
    for name in given:
        if name not in known:
            raise BadRequest(f"{cls.__name__} has no setting {name!r}; {did_you_mean(name, known)}")
