"""A card as its pipeline is at this moment: its owner may change the pipeline after wrapping it."""

from dataclasses import replace
from typing import Any

from muralist.models.base import Card

__all__ = ["live_card"]


def live_card(facts: Card, pipe: Any) -> Card:
    """The facts, with the scheduler, the ControlNets and the IP-Adapters that are there now."""
    scheduler = getattr(pipe, "scheduler", None)
    found = {} if scheduler is None else _scheduler(scheduler)
    known = {key: value for key, value in facts.scheduler.items() if key != "_diffusers_version"}
    same = not found or all(found.get(key) == value for key, value in known.items())
    return replace(
        facts,
        scheduler=facts.scheduler if same else found,
        controlnets=_controlnets(pipe),
        ip_adapters=_ip_adapters(pipe.unet),
    )


def _scheduler(scheduler: Any) -> dict[str, Any]:
    return {**scheduler.config, "_class_name": type(scheduler).__name__}


def _controlnets(pipe: Any) -> int:
    """A pipeline holds none, one, or a module of several, its `nets`."""
    controlnet = getattr(pipe, "controlnet", None)
    return 0 if controlnet is None else len(getattr(controlnet, "nets", [controlnet]))


def _ip_adapters(unet: Any) -> int:
    if getattr(unet.config, "encoder_hid_dim_type", None) != "ip_image_proj":
        return 0
    return len(unet.encoder_hid_proj.image_projection_layers)
