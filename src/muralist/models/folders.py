"""A model in diffusers format: whether all of it is there, and in which variants."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from muralist.errors import ModelNotFound
from muralist.models.checkpoint import Checkpoint
from muralist.models.files import explained, read

__all__ = ["chosen_variant", "downloaded"]

_NETWORKS = ("unet", "vae", "text_encoder", "text_encoder_2")
_OTHERS = ("tokenizer", "tokenizer_2", "scheduler")
_PLAIN = ""


def downloaded(wanted: Checkpoint, source: Path | str) -> Path:
    """The folder that holds a model's files; of a hub id, downloaded by the hub's own client."""
    if isinstance(source, Path):
        return source
    from diffusers.pipelines.pipeline_utils import DiffusionPipeline

    with explained(wanted.name, source):
        return Path(
            DiffusionPipeline.download(source, use_safetensors=True, variant=wanted.variant)
        )


def chosen_variant(wanted: Checkpoint, folder: Path) -> str | None:
    """The variant of the weights to read: as wanted, else none, else the one that there is.

    Raises `ModelNotFound` where a component is missing, or has no such weights.
    """
    parts = read(folder, "model_index.json")
    for part in (*_NETWORKS, *_OTHERS):
        if _listed(parts, part) and not (folder / part).is_dir():
            raise ModelNotFound(f"{wanted.name!r} could not be read: it has no folder {part}")
    there = {
        part: _variants(wanted, folder / part)
        for part in _NETWORKS
        if _listed(parts, part) and not (part == "vae" and wanted.vae)
    }
    every = set.intersection(*there.values())
    if wanted.variant is None and _PLAIN not in every and len(every) == 1:
        return every.pop()
    variant = wanted.variant or _PLAIN
    for part, variants in there.items():
        # a part that comes in no variant at all is the same in all of them
        if variant not in variants and not (part != "unet" and variants == {_PLAIN}):
            other = _called(variants)
            raise ModelNotFound(
                f"{wanted.name!r} has no {_called([variant])} of its {part}, but {other}"
            )
    return wanted.variant


def _listed(parts: Mapping[str, Any], part: str) -> bool:
    """A component that is left out is listed as a pair of nothing."""
    return bool(parts.get(part)) and parts[part][0] is not None


def _variants(wanted: Checkpoint, folder: Path) -> set[str]:
    """Of one network; a file in pieces counts as one."""
    names = [re.sub(r"-\d+-of-\d+", "", file.name) for file in folder.iterdir()]
    found = (
        re.fullmatch(r"(?:diffusion_pytorch_model|model)(?:\.(\w+))?\.safetensors", name)
        for name in names
    )
    variants = {match[1] or _PLAIN for match in found if match}
    if not variants:
        pickled = any(name.endswith(".bin") for name in names)
        raise ModelNotFound(
            f"{wanted.name!r} could not be read: it has no weights of its {folder.name}"
            + (" but .bin files, which are not read; get them as .safetensors" if pickled else "")
        )
    return variants


def _called(variants: Iterable[str]) -> str:
    return " and ".join(f"{each} weights" if each else "plain weights" for each in sorted(variants))
