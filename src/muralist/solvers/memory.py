"""What a solver looks back on: returned by it after a step, and given back at the next."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from torch import Tensor

from muralist.strips import copied

__all__ = ["Memory", "apart", "canvases_of", "recalled", "together"]

# By name: tensors, numbers, None, and lists of them. Tensors with axes are as large as the canvas.
Memory: TypeAlias = Mapping[str, Any]


def canvases_of(memory: Memory | None) -> Iterator[Tensor]:
    """Its tensors that are as large as the canvas."""
    for value in (memory or {}).values():
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, Tensor) and each.ndim:
                yield each


def recalled(memory: Memory | None, like: Tensor) -> Memory | None:
    """A memory that was kept elsewhere, its canvases where `like` is."""

    def here(value: Any) -> Any:
        if isinstance(value, list):
            return [here(each) for each in value]
        return copied(value, like) if isinstance(value, Tensor) and value.ndim else value

    return None if memory is None else {name: here(value) for name, value in memory.items()}


def apart(memory: Memory) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """A memory as JSON values, in which tensors are named, and the tensors."""
    tensors: dict[str, Tensor] = {}

    def named(name: str, value: Any) -> Any:
        if isinstance(value, list):
            return [named(f"{name}.{at}", each) for at, each in enumerate(value)]
        if not isinstance(value, Tensor):
            return value
        tensors[name] = value if value.ndim else value.clone()  # numbers lie in tables of others
        return {"tensor": name}

    return {name: named(name, value) for name, value in memory.items()}, tensors


def together(values: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Memory:
    """The memory that was taken apart."""

    def found(value: Any) -> Any:
        if isinstance(value, list):
            return [found(each) for each in value]
        return tensors[value["tensor"]] if isinstance(value, dict) else value

    return {name: found(value) for name, value in values.items()}
