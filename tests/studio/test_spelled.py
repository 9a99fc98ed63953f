"""What is copied paints the same picture: the command line and the Python say all of it."""

import contextlib
import shlex

import numpy as np
import pytest

import muralist
from muralist import AccDiffusion, AccDiffusion2, DemoFusion, MultiDiffusion, Pixelsmith
from muralist.cli import painting
from muralist.cli.main import app
from muralist.request import Request
from muralist.studio.spelled import as_command, as_python

REQUESTS = [
    Request(prompt="a red circle"),
    Request(prompt='it\'s "odd" $HOME `x`; \\ \n 猫', negative_prompt="", seed=2**62),
    Request(model="toy", prompt="", height=48, width=40, num_inference_steps=5, solver="euler_a"),
    Request(
        prompt="x",
        method=Pixelsmith(slider=3, patches="random"),
        guidance_scale=3.25,
        guidance_rescale=0.5,
        guidance_interval=(0.1, 0.75),
    ),
    Request(prompt="x", method=MultiDiffusion(stride=4), pag_scale=2.0),
    Request(prompt="x", method=AccDiffusion(c=0.4, demofusion=DemoFusion(stride=8, overhang=True))),
    Request(prompt="x", method=DemoFusion(stride=None, sigma=1e-3)),
]


@pytest.fixture
def typed(monkeypatch):
    """The request that a command line makes; nothing is painted."""

    def typed(line: str) -> Request:
        asked = []
        monkeypatch.setattr(painting, "begin", lambda request, *others: asked.append(request))
        name, *words = shlex.split(line)
        assert name == "muralist"
        app(words, exit_on_error=False, print_error=False, result_action="return_value")
        return asked[0]

    return typed


@pytest.fixture
def run(monkeypatch):
    """The request that lines of Python make; nothing is painted."""

    def run(lines: str) -> Request:
        from muralist.painting import _requests

        asked = []

        class Saved:
            save = staticmethod(lambda out: None)

        def paint(model, prompt, **settings):
            asked.extend(_requests(model, [prompt], settings))
            return Saved

        monkeypatch.setattr(muralist, "paint", paint, raising=False)
        exec(lines, {})
        return asked[0]

    return run


@pytest.mark.parametrize("request_", REQUESTS)
def test_the_command_line_makes_the_same_request(typed, request_):
    assert typed(as_command(request_)).to_json() == request_.to_json()


@pytest.mark.parametrize("request_", REQUESTS)
def test_the_lines_of_python_make_the_same_request(run, request_):
    assert run(as_python(request_)).to_json() == request_.to_json()


def test_a_picture_from_an_image_is_spelled_with_the_name_of_its_file(tmp_path, typed, run):
    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 256, (30, 50, 3), np.uint8)
    with contextlib.chdir(tmp_path):
        Image.fromarray(pixels).save("my photo's.png")
        request = Request(image="my photo's.png", scale=3, method=Pixelsmith())
        for spelled in (
            typed(as_command(request, "my photo's.png")),
            run(as_python(request, "my photo's.png")),
        ):
            assert spelled.to_json() == request.to_json()


def test_only_what_is_not_usual_is_said():
    line = as_command(Request(prompt="a red circle", method=DemoFusion(stride=8)))
    assert line == (
        "muralist paint 'a red circle' --model shapes --size 512x512 --method demofusion"
        " --set stride=8 --out picture.png"
    )


def test_methods_within_methods_are_spelled_out():
    deepest = AccDiffusion2(accdiffusion=AccDiffusion(demofusion=DemoFusion(sigma=0.5)))
    request = Request(prompt="x", method=DemoFusion())
    object.__setattr__(request, "method", deepest)
    assert (
        "method=muralist.AccDiffusion2(accdiffusion=muralist.AccDiffusion("
        "demofusion=muralist.DemoFusion(sigma=0.5)))," in as_python(request)
    )
