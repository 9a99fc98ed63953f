"""The examples run, with small models in the place of the real ones."""

import runpy
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import DATA

EXAMPLES = Path(__file__).parents[2] / "examples"
SDXL = ("--model", str(DATA / "tiny-sdxl"))
ARGUMENTS = {
    "callbacks": ("--model", "toy"),
    "custom_pipeline": SDXL,
    "pipeline": SDXL,
}


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        "diffusers.utils.dynamic_modules_utils.HF_MODULES_CACHE", str(tmp_path / "modules")
    )


def test_every_example_is_run_and_described():
    there = {file.stem for file in EXAMPLES.glob("*.py")}
    assert there == set(ARGUMENTS)
    described = (EXAMPLES / "README.md").read_text()
    assert not [name for name in there if f"({name}.py)" not in described]


@pytest.mark.parametrize("name", sorted(ARGUMENTS))
def test_an_example_paints_a_picture_of_the_size_it_was_asked_for(name, monkeypatch):
    size = ("--size", "384", "320", "--steps", "2", "--out", "out.png")
    monkeypatch.setattr(sys, "argv", [name, "a cat", *ARGUMENTS[name], *size])
    runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    with Image.open("out.png") as image:
        assert image.size == (384, 320)
