"""The examples run, with small models in the place of the real ones."""

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import muralist
from tests import checkpoints
from tests.conftest import DATA

EXAMPLES = Path(__file__).parents[2] / "examples"
SDXL, CONTROLNET = str(DATA / "tiny-sdxl"), str(DATA / "tiny-sdxl-controlnet")
PICTURES = {  # what each is run with, beside a prompt, a size, a number of steps and a file
    "callbacks": {"--model": "toy"},
    "controlnet": {"--model": SDXL, "--controlnet": CONTROLNET, "--image": "photo.png"},
    "custom_pipeline": {"--model": SDXL},
    "few_steps": {"--model": SDXL},
    "ip_adapter": {"--model": SDXL, "--ip-adapter": "ip_adapter", "--image": "photo.png"},
    "pipeline": {"--model": SDXL},
    "single_file": {"--model": "single_file", "--config": "folder", "--lora": "lora"},
    "weighted_words": {"--model": SDXL},
}


@pytest.fixture(autouse=True)
def _with_a_photo(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        "diffusers.utils.dynamic_modules_utils.HF_MODULES_CACHE", str(tmp_path / "modules")
    )
    shades = np.random.default_rng(0).integers(0, 256, (80, 96, 3), dtype=np.uint8)
    Image.fromarray(shades).save("photo.png")


@pytest.fixture
def made(tmp_path, tiny_sdxl):
    """Files of the kind that a name says; other names are as they are."""

    def one(name: str) -> str:
        whole = tmp_path / "folder"
        if name == "ip_adapter":
            return checkpoints.ip_adapter(tmp_path / name, tiny_sdxl.pipe)
        if name == "single_file":
            checkpoints.folder(whole, "tiny-sdxl", checkpoints.SDXL)
            return checkpoints.saved(
                tmp_path / "one.safetensors", checkpoints.original(whole, "sdxl")
            )
        if name == "lora":
            return checkpoints.lora(tmp_path / "lora.safetensors", muralist.load(str(whole)).pipe)
        return str(whole) if name == "folder" else name

    return one


def run(name: str, monkeypatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", [name, *arguments])
    runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")


def test_every_example_is_run_and_described():
    there = {file.stem for file in EXAMPLES.glob("*.py")}
    assert there == {*PICTURES, "upscale"}
    described = (EXAMPLES / "README.md").read_text()
    assert not [name for name in there if f"({name}.py)" not in described]


@pytest.mark.parametrize("name", sorted(PICTURES))
def test_an_example_paints_a_picture_of_the_size_it_was_asked_for(name, made, monkeypatch):
    given = [word for pair in PICTURES[name].items() for word in (pair[0], made(pair[1]))]
    asked = ("--size", "384", "320", "--steps", "2", "--out", "out.png")
    run(name, monkeypatch, "a cat", *given, *asked)
    with Image.open("out.png") as image:
        assert image.size == (384, 320)


def test_the_example_enlarges_a_photo(monkeypatch):
    asked = ("--scale", "2", "--steps", "2", "--strength", "1", "--out", "out.png")
    run("upscale", monkeypatch, "photo.png", "--model", SDXL, *asked)
    with Image.open("out.png") as image:
        assert image.size == (192, 160)
