"""Control images on the command line."""

import json
from pathlib import Path

import pytest
from PIL import Image

from muralist.cli.main import app
from muralist.cli.prompts import wanted
from tests.interfaces.test_cli import LOAD
from tests.laws.parts import TOY as WITH_A_CONTROLNET

TOY = ("--model", "toy", "--size", "32x32", "--steps", "2")


@pytest.fixture
def image() -> str:
    Image.new("RGB", (8, 8), (90, 20, 200)).save("edges.png")
    return "edges.png"


def test_an_image_for_a_model_without_controlnets_is_refused(run, image):
    code, out, err = run("paint", "a sea", *TOY, "--control-image", image)
    assert (code, out) == (2, "")
    assert err.startswith("muralist: control_image is given, and toy has no ControlNet")
    assert err.count("\n") == 1
    assert [path.name for path in Path.cwd().iterdir()] == [image]


def test_an_image_that_is_not_there_is_refused(run):
    code, _, err = run("paint", "a sea", *TOY, "--control-image", "gone.png")
    assert (code, err) == (2, "muralist: gone.png is no file; an image file is needed\n")


def test_numbers_for_no_image_are_refused(run):
    """Also where a method draws the image itself: they are settings of it."""
    code, _, err = run("paint", "a sea", *TOY, "--control-scale", "0.5")
    assert code == 2 and "is given, and no --control-image" in err
    assert "--set controlnet_conditioning_scale=NUMBER" in err
    assert not list(Path.cwd().iterdir())


def test_options_and_their_numbers_are_the_requests(run, image, monkeypatch):
    """And a picture tells them, and can be painted again like it."""
    monkeypatch.setattr("muralist.request.request.card", lambda name: WITH_A_CONTROLNET.card)
    monkeypatch.setattr(LOAD, lambda *_, **__: WITH_A_CONTROLNET)
    numbers = ("--control-scale", "0.4", "--control-start", "0.1", "--control-end", "0.9")
    code, _, err = run("paint", "a sea", *TOY, "--control-image", image, *numbers, "--out", "x.png")
    assert code == 0, err
    code, out, _ = run("info", "x.png", "--json")
    told = json.loads(out)
    (shown,) = told["control_image"]
    assert shown["path"] == image
    assert told["controlnet_conditioning_scale"] == [0.4]
    assert (told["control_guidance_start"], told["control_guidance_end"]) == ([0.1], [0.9])
    assert run("paint", "--like", "x.png", "--out", "y.png")[0] == 0
    assert Path("y.png").read_bytes() == Path("x.png").read_bytes()
    del told["muralist"]
    Path("prompts.jsonl").write_text(json.dumps(told))
    (line,) = wanted(Path("prompts.jsonl"), Path("many"), {}, {})
    assert line.request.to_json() == told


def test_several_images_are_several_options():
    words = ["paint", "x", "--control-image", "a.png", "--control-image", "b.png"]
    words += ["--control-scale", "0.5", "--control-scale", "1"]
    _, bound, _ = app.parse_args(words, exit_on_error=False, print_error=False)
    asked = bound.kwargs["look"].asked()
    assert asked["control_image"] == ["a.png", "b.png"]
    assert asked["controlnet_conditioning_scale"] == [0.5, 1.0]
