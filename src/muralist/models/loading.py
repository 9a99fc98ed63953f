"""A checkpoint's pipeline: checked as far as headers tell, and then read."""

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch import nn

from muralist.errors import ModelNotFound, MuralistError, UnsupportedModel
from muralist.models.additions import add, components
from muralist.models.architectures import Configs
from muralist.models.base import Card
from muralist.models.cards import configs_of, single_file, source_of
from muralist.models.checkpoint import Checkpoint
from muralist.models.files import folder_of, header
from muralist.models.folders import chosen_variant, downloaded
from muralist.models.single_file import UNET
from muralist.models.weightless import made

__all__ = ["pipeline"]

# A pipeline of a diffusers class, in a dtype, with these components instead of its own.
_Reader: TypeAlias = Callable[[Any, torch.dtype, Mapping[str, Any]], Any]


def pipeline(facts: Card, dtype: torch.dtype) -> Any:
    """The diffusers pipeline of a card's checkpoint, on the CPU.

    Raises `ModelNotFound` for files that are missing or cannot be read, and `UnsupportedModel` for
    what does not fit together; as far as headers tell, before any weight is read.
    """
    wanted = facts.checkpoint
    file = single_file(wanted)
    try:
        read = _folder_reader(wanted) if file is None else _file_reader(wanted, file)
        base = configs_of(wanted)
        without = {"safety_checker": None, "feature_extractor": None}
        given = without if facts.pipeline == "StableDiffusionPipeline" else {}
        pipe = read(_kind(facts), dtype, {**given, **components(wanted, base, dtype)})
        _check_whole(pipe, wanted)
        _set_scheduler(pipe, facts)
        add(pipe, wanted, base)
    except (OSError, ValueError, LookupError, RuntimeError) as error:
        if isinstance(error, MuralistError):
            raise
        raise ModelNotFound(f"{wanted.name!r} could not be read: {error}") from error
    return pipe


def _kind(facts: Card) -> Any:
    import diffusers

    name = facts.pipeline
    if facts.checkpoint.controlnet:
        name = name.replace("Pipeline", "ControlNetPipeline")
    return getattr(diffusers, name)


def _folder_reader(wanted: Checkpoint) -> _Reader:
    """Reads a diffusers folder, whose files are all there."""
    folder = downloaded(wanted, source_of(wanted))
    variant = chosen_variant(wanted, folder)

    def read(kind: Any, dtype: torch.dtype, given: Mapping[str, Any]) -> Any:
        settings = {"use_safetensors": True, "local_files_only": True, "variant": variant}
        return kind.from_pretrained(folder, dtype=dtype, **settings, **given)

    return read


def _file_reader(wanted: Checkpoint, file: Path) -> _Reader:
    """Reads a single file, whose network is laid out as the configs say."""
    _check_layout(wanted, file, configs_of(wanted))
    configs = _config_folder(wanted)

    def read(kind: Any, dtype: torch.dtype, given: Mapping[str, Any]) -> Any:
        return kind.from_single_file(
            str(file), config=str(configs), dtype=dtype, local_files_only=True, **given
        )

    return read


def _config_folder(wanted: Checkpoint) -> Path:
    source = source_of(wanted)
    try:
        return folder_of(str(source), "config", ("*.json", "*/*.json", "*/*.txt"))
    except ModelNotFound as error:
        raise ModelNotFound(
            f"{wanted.name!r} holds weights only: a single file needs the configs and tokenizers of"
            f" its family, a few MB. {error} of them as config"
        ) from error


def _check_layout(wanted: Checkpoint, file: Path, base: Configs) -> None:
    """Whether the network of a file has the shapes that its configs say.

    Names differ between the two layouts; the shapes of a network's tensors do not.
    """
    with torch.device("meta"):
        network = made("unet", base["unet"])
    told = Counter(tuple(each.shape) for each in network.state_dict().values())
    shapes = header(file).shapes
    found = Counter(shape for key, shape in shapes.items() if key.startswith(UNET))
    if found != told:
        wrong = next(iter((found - told) or (told - found)))
        raise UnsupportedModel(
            f"the network of {wanted.name!r} is not that of {wanted.config or 'its family'}:"
            f" {found.total()} tensors where there are {told.total()}, a {wrong} among those that"
            " differ; give the folder of its own configs as config"
        )


def _check_whole(pipe: Any, wanted: Checkpoint) -> None:
    """Raises `ModelNotFound` where a network has no values for some of its weights."""
    for name, part in pipe.components.items():
        tensors = part.state_dict().items() if isinstance(part, nn.Module) else ()
        if missing := [key for key, tensor in tensors if tensor.is_meta]:
            raise ModelNotFound(
                f"{wanted.name!r} holds no {missing[0]} of its {name}"
                f" ({len(missing)} of {len(tensors)} weights are missing)"
            )


def _set_scheduler(pipe: Any, facts: Card) -> None:
    """The pipeline's scheduler is the card's, which may say more than the configs it came with."""
    import diffusers

    kind = getattr(diffusers, str(facts.scheduler.get("_class_name")), None)
    if kind is not None:
        pipe.scheduler = kind.from_config(dict(facts.scheduler))
