"""What is shown while a picture is painted, and what may be looked at however large it is."""

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console
from rich.progress import Progress

from muralist import Pixelsmith, TileCounted, TileDone, generate
from muralist import decode as module
from muralist.canvas import Size
from muralist.cli import main
from muralist.cli.show import Bars
from muralist.events import StageBegun, Ticked
from muralist.models import Toy
from muralist.planning import plan
from tests.conftest import DATA
from tests.laws.parts import Watched, toy_request


class Wide(Watched):
    """The toy, whose decoder is cut into tiles of 20 cells where it may."""

    @property
    def card(self):
        return replace(self.inner.card, native=Size(16, 16))


@pytest.fixture
def bar():
    return Progress(console=Console(file=io.StringIO()))


def test_one_bar_goes_up_with_every_step_and_another_with_every_tile(bar, monkeypatch):
    monkeypatch.setattr(module, "BUDGET", 1)
    request = toy_request(Pixelsmith(), model=Wide(Toy()))
    bars = Bars(bar, plan(request), "a: ")
    painting, decoding = bar.tasks
    shown = []
    for event in generate(request):
        bars.show(event)
        shown.append((event, painting.completed, decoding.completed, painting.description))
    steps = [done for event, done, _, _ in shown if isinstance(event, Ticked)]
    assert steps == sorted(set(steps)) and steps[0] > 0
    assert steps[-1] == pytest.approx(plan(request).evaluations)
    tiles = [done for event, _, done, _ in shown if isinstance(event, TileDone)]
    assert tiles == [1, 2, 3, 4]
    assert decoding.finished and decoding.visible
    words = [word for event, _, _, word in shown if isinstance(event, StageBegun)]
    assert words[1:] == [
        "a: stage 2 of 3 (25x25 latents), enlarging the last",
        "a: stage 3 of 3 (40x40 latents), enlarging the last",
    ]


def test_the_bar_of_tiles_tells_what_is_counted(bar):
    bars = Bars(bar, plan(toy_request()))
    bars.show(TileCounted(norm=7, number=3, count=16))
    _, decoding = bar.tasks
    assert decoding.description == "counting, norm 7, tile 3 of 16"
    assert (decoding.completed, decoding.total) == (3, 16)


def test_nothing_that_shows_a_picture_asks_for_an_image_of_all_of_it(tmp_path, monkeypatch):
    """As if none could be held: sheets and reasons are made of the pixels."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("muralist.picture._LARGEST_IMAGE", 0)
    model = ("--model", str(DATA / "tiny-sdxl"), "--size", "512x256", "--steps", "2")
    for command in (
        ["sheet", "a cat", *model, "--vary", "seed=1,2", "--out", "sheet.png"],
        [
            "paint",
            "a cat",
            *model,
            "--method",
            "accdiffusion",
            "--explain",
            "why",
            "--out",
            "a.png",
        ],
        ["paint", "a cat", *model, "--method", "pixelsmith", "--stages", "all", "--out", "b.png"],
    ):
        with pytest.raises(SystemExit) as exit_:
            main(command)
        assert not exit_.value.code
    assert Path("sheet.png").is_file() and len(list(Path("why").iterdir())) == 2
