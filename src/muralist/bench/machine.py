"""The facts of this machine, and of what runs on it, that figures depend on."""

import os
import platform
from pathlib import Path

import diffusers
import torch

from muralist.version import __version__

__all__ = ["machine"]


def machine(device: str) -> dict[str, str | int | None]:
    """Processor, cores, system and versions; `gpu` is None where the device is another."""
    facts = {
        "processor": _processor(),
        "cores": _cores(),
        "system": platform.system(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "diffusers": diffusers.__version__,
        "muralist": __version__,
    }
    gpu = torch.cuda.get_device_name(device) if device.startswith("cuda") else None
    return {**facts, "gpu": gpu}


def _cores() -> int:
    """Those that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _processor() -> str:
    told = Path("/proc/cpuinfo")
    lines = told.read_text().splitlines() if told.exists() else []
    names = (line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())
