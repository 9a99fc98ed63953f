"""Options and fixtures: `pytest --device cuda --dtype float16` runs the same tests there."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # tiny models are five times faster so
os.environ.setdefault("HF_HUB_OFFLINE", "1")

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import muralist

DATA = Path(__file__).parent / "data"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--device", default="cpu", help="where models compute")
    parser.addoption("--dtype", default="float32", help="what models compute in")


@pytest.fixture(scope="session")
def device(request: pytest.FixtureRequest) -> torch.device:
    return torch.device(request.config.getoption("--device"))


@pytest.fixture(scope="session")
def dtype(request: pytest.FixtureRequest) -> torch.dtype:
    return getattr(torch, request.config.getoption("--dtype"))


@pytest.fixture(scope="session")
def tiny_sdxl(device: torch.device) -> muralist.Model:
    """SDXL's classes with random weights: native 32x32 latents, factor 8. Always float32."""
    return muralist.load(str(DATA / "tiny-sdxl"), device=device, dtype=torch.float32)


@pytest.fixture(scope="session")
def tiny_controlled(device: torch.device) -> muralist.Model:
    """The same with a ControlNet of random weights."""
    return muralist.load(
        str(DATA / "tiny-sdxl"),
        controlnet=str(DATA / "tiny-sdxl-controlnet"),
        device=device,
        dtype=torch.float32,
    )


@pytest.fixture(scope="session")
def tiny_sd(device: torch.device) -> muralist.Model:
    """SD's classes with random weights: factor 8. Always float32."""
    return muralist.load(str(DATA / "tiny-sd"), device=device, dtype=torch.float32)


@pytest.fixture(scope="session")
def golden():
    """Reads a recording of a published implementation by name."""
    return lambda name: load_file(DATA / f"{name}.safetensors")
