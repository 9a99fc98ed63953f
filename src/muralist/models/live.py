"""A card as its pipeline is at this moment: its owner may change the pipeline after wrapping it."""

from dataclasses import replace
from typing import Any

import torch

from muralist.models.base import Card
from muralist.models.control import controlnets

__all__ = ["live_card", "live_device", "loras"]


def live_card(facts: Card, pipe: Any) -> Card:
    """The facts, with the scheduler, the ControlNets and the IP-Adapters that are there now."""
    scheduler = getattr(pipe, "scheduler", None)
    found = {} if scheduler is None else _scheduler(scheduler)
    known = {key: value for key, value in facts.scheduler.items() if key != "_diffusers_version"}
    same = not found or all(found.get(key) == value for key, value in known.items())
    return replace(
        facts,
        scheduler=facts.scheduler if same else found,
        controlnets=controlnets(pipe),
        ip_adapters=_ip_adapters(pipe.unet),
    )


def live_device(pipe: Any) -> torch.device:
    """Where the network computes; under offloading its weights rest elsewhere.

    Asked at every call of the network: what the pipeline itself says of its device is looked for in
    all of its modules, tens of milliseconds in SDXL, and only groups of layers need that.
    """
    hook = getattr(pipe.unet, "_hf_hook", None)
    if device := getattr(hook, "execution_device", None):
        return torch.device(device)
    grouped = (pipe.unet, *pipe.unet.conv_in.modules())  # of blocks, or of single layers
    if hook is not None or any(hasattr(each, "_diffusers_hook") for each in grouped):
        return pipe._execution_device
    return next(pipe.unet.parameters()).device


def loras(pipe: Any) -> int:
    """How many LoRAs are loaded into a pipeline's networks, whether they are at work or not."""
    return len(
        {name for one in pipe.components.values() for name in getattr(one, "peft_config", ())}
    )


def _scheduler(scheduler: Any) -> dict[str, Any]:
    return {**scheduler.config, "_class_name": type(scheduler).__name__}


def _ip_adapters(unet: Any) -> int:
    if getattr(unet.config, "encoder_hid_dim_type", None) != "ip_image_proj":
        return 0
    return len(unet.encoder_hid_proj.image_projection_layers)
