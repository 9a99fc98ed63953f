"""Where the files of a model are: here, or on the hub, and what their headers say."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from muralist.errors import ModelNotFound, MuralistError, UnsupportedModel

__all__ = [
    "Header",
    "config_of",
    "explained",
    "file_of",
    "folder_of",
    "header",
    "local",
    "on_hub",
    "read",
    "source_named",
]

_PICKLED = (".bin", ".ckpt", ".pt", ".pth")
_ID = r"[\w-][\w.-]*/[\w-][\w.-]*"


class Header(NamedTuple):
    """What a safetensors file says of its tensors, without them."""

    shapes: Mapping[str, tuple[int, ...]]
    metadata: Mapping[str, str]


def header(path: Path) -> Header:
    """Of a safetensors file. Raises `ModelNotFound` where it is none."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            shapes = {key: tuple(file.get_slice(key).get_shape()) for key in file.keys()}  # noqa: SIM118
            return Header(shapes, file.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise ModelNotFound(f"{str(path)!r} is no whole safetensors file: {error}") from error


def local(name: str) -> Path | None:
    """A file or folder of this machine; None where there is none.

    Raises `UnsupportedModel` for files that are not safetensors.
    """
    path = Path(name).expanduser()
    if path.is_file() and path.suffix != ".safetensors":
        pickled = ", whose reading can run any code" if path.suffix in _PICKLED else ""
        raise UnsupportedModel(
            f"{name!r} is a {path.suffix or 'nameless'} file{pickled}; only .safetensors are read:"
            " get it in that format, or convert it"
        )
    return path if path.exists() else None


def on_hub(name: str) -> tuple[str, str] | None:
    """A hub id and what follows it, a path in its repository; None where it cannot be one."""
    found = re.fullmatch(rf"({_ID})((?:/[\w. -]+)*)", name)
    if not found or Path(name).parent.is_dir():
        return None
    return found[1], found[2].strip("/")


def file_of(name: str, what: str) -> Path:
    """A safetensors file by its path, the folder that holds it alone, or its path on the hub."""
    path = local(name)
    if path is not None and path.is_dir():
        files = sorted(path.glob("*.safetensors"))
        if len(files) != 1:
            found = ", ".join(each.name for each in files) or "none"
            raise ModelNotFound(f"{what} {name!r} is a folder of {found}; name one .safetensors")
        return files[0]
    if path is not None:
        return path
    hub = on_hub(name)
    if hub is None or not hub[1].endswith(".safetensors"):
        raise ModelNotFound(
            f"there is no {what} {name!r}; a .safetensors file is needed, here, or as"
            " owner/name/file.safetensors on the hub"
        )
    from huggingface_hub import hf_hub_download

    with explained(name, hub[0]):
        return Path(hf_hub_download(*hub))


def source_named(name: str, what: str) -> Path | str:
    """A folder by its path, or the hub id of one, and its place there."""
    path = local(name)
    if path is not None and path.is_dir():
        return path
    if path is not None or on_hub(name) is None:
        raise ModelNotFound(f"there is no {what} {name!r}; a folder or a hub id is needed")
    return name


def folder_of(name: str, what: str, patterns: Sequence[str]) -> Path:
    """A folder by its path, or a hub id, and what of its files is fetched."""
    named = source_named(name, what)
    if isinstance(named, Path):
        return named
    from huggingface_hub import snapshot_download

    source, inside = on_hub(named) or (named, "")
    wanted = [f"{inside}/{pattern}" if inside else pattern for pattern in patterns]
    with explained(name, source, wanted):
        return Path(snapshot_download(source, allow_patterns=wanted)) / inside


def read(source: Path | str, file: str) -> dict[str, Any]:
    """A JSON file of a folder, or of what a hub id names."""
    if isinstance(source, Path):
        return json.loads((source / file).read_text())
    from huggingface_hub import hf_hub_download

    owner, inside = on_hub(source) or (source, "")
    with explained(source, owner):
        return json.loads(Path(hf_hub_download(owner, f"{inside}/{file}".strip("/"))).read_text())


def config_of(name: str, what: str) -> dict[str, Any]:
    """The config of one network, by its folder or hub id."""
    try:
        return read(source_named(name, what), "config.json")
    except (OSError, ValueError) as error:
        if isinstance(error, MuralistError):
            raise
        raise ModelNotFound(f"the {what} {name!r} has no config that can be read: {error}") from (
            error
        )


@contextmanager
def explained(name: str, source: str, patterns: Sequence[str] = ()) -> Iterator[None]:
    """Turns what the hub's client raises into a sentence that says what to do."""
    try:
        yield
    except Exception as error:  # the hub's client raises a dozen unrelated classes
        reason = str(error).strip().splitlines()[0] if str(error).strip() else ""
        only = "".join(f" --include '{pattern}'" for pattern in patterns)
        raise ModelNotFound(
            f"{name!r} ({source}) is neither in the local cache nor to be downloaded"
            f" ({type(error).__name__}: {reason}); download it with `hf download {source}{only}`"
            " where there is a network, or give a folder"
        ) from error
