"""Which pipelines can be wrapped, and what is known of them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from muralist.errors import UnsupportedModel
from muralist.models.base import Card
from muralist.models.cards import card_of_configs
from muralist.models.checkpoint import Checkpoint
from muralist.models.control import controlnets
from muralist.models.families import FAMILIES

__all__ = ["facts_of"]

_WAYS = ("", "Img2Img", "ControlNet", "ControlNetImg2Img")
_KINDS: Mapping[str, str] = {
    family.replace("Pipeline", f"{way}Pipeline"): family for family in FAMILIES for way in _WAYS
}


def facts_of(pipe: Any, name: str | None) -> Card:
    """The card of a pipeline. Raises `UnsupportedModel` for others than those that `wrap` names."""
    kind = type(pipe).__name__
    kinds = [each.__name__ for each in type(pipe).__mro__]  # somebody's own, made of these
    family = next((_KINDS[each] for each in kinds if each in _KINDS), None)
    if family is None:
        raise UnsupportedModel(f"{kind} is no pipeline of the supported ones: {', '.join(_KINDS)}")
    missing = [part for part in ("unet", "vae", "scheduler") if getattr(pipe, part, None) is None]
    if missing:
        raise UnsupportedModel(f"the {kind} has no {' and no '.join(missing)}")
    if getattr(pipe.config, "requires_aesthetics_score", False):
        raise UnsupportedModel(
            f"the {kind} refines (SDXL's refiner), which cannot paint from noise; wrap the base"
        )
    source = name or str(pipe.config.get("_name_or_path") or kind)
    configs = {
        "pipeline": {"_class_name": family},
        "unet": pipe.unet.config,
        "vae": pipe.vae.config,
        "scheduler": {**pipe.scheduler.config, "_class_name": type(pipe.scheduler).__name__},
    }
    return replace(card_of_configs(Checkpoint(source), configs), controlnets=controlnets(pipe))
