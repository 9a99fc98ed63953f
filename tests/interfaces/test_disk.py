"""What a run will put on the disk is known before, and is what it puts there."""

import weakref
from pathlib import Path

import numpy as np
import pytest

from muralist import DemoFusion, MultiDiffusion, Pixelsmith, generation
from muralist.cli.disk import needs
from muralist.cli.show import Folders, stage_file
from muralist.job import Job
from muralist.sinks import file_bytes, spool, unpainted
from tests.laws.parts import toy_request

OUT, JOB = Path("pictures/a.tif"), Path("a.job")
NOWHERE, SHOWN = Folders(), Folders(stages=Path("stages"))


@pytest.fixture(autouse=True)
def _all_pixels_in_files(monkeypatch, tmp_path):
    monkeypatch.setattr(spool, "IN_MEMORY", 0)
    monkeypatch.chdir(tmp_path)


def needed(request, folders=NOWHERE):
    return dict(needs(request, OUT, folders, JOB))


@pytest.fixture
def held(monkeypatch):
    """The most bytes of pixels that lie in files at once."""
    alive, most = weakref.WeakSet(), [0]

    def watched(height, width, folder=None):
        pixels = unpainted(height, width, folder)
        alive.add(pixels.base)
        most[0] = max(most[0], sum(map(len, alive)))
        return pixels

    monkeypatch.setattr(generation, "unpainted", watched)
    return most


@pytest.mark.parametrize("method", [Pixelsmith(), DemoFusion()], ids=["Pixelsmith", "DemoFusion"])
@pytest.mark.parametrize("looked_at", [False, True])
def test_pixels_take_what_was_foreseen(held, method, looked_at):
    request = toy_request(method, height=48, width=40, num_inference_steps=1)
    for event in generation.generate(request):
        if looked_at and isinstance(event, generation.StageDone) and event.stage < 3:
            event.result._decode()
    foreseen = needed(request, SHOWN if looked_at else NOWHERE)[OUT.parent]
    assert held[0] == foreseen - file_bytes(OUT, 48, 40)


@pytest.mark.parametrize("method", [Pixelsmith(), MultiDiffusion()], ids=["Pixelsmith", "Multi"])
@pytest.mark.parametrize("side", [20, 64])
def test_pixels_of_an_image_that_is_enlarged_take_what_was_foreseen(held, method, side):
    image = np.zeros((side, side, 3), np.uint8)
    request = toy_request(
        method, image=image, height=None, width=None, scale=2.5, num_inference_steps=3
    )
    for _ in generation.generate(request):
        pass
    foreseen = needed(request)[OUT.parent]
    assert held[0] == foreseen - file_bytes(OUT, *request.size)


def test_a_job_takes_what_was_foreseen_but_for_notes(monkeypatch):
    """Stages, and the canvas: the last one of the steps is still there when the next is written."""
    request = toy_request(height=64, width=64, num_inference_steps=2, solver="dpmpp2m")
    job, most = Job(JOB, request, interval=0.0), [0]
    replace = Path.replace

    def watched(self, target):
        files = (each for each in JOB.rglob("*.safetensors"))
        most[0] = max(most[0], sum(each.stat().st_size for each in files))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", watched)
    foreseen = needed(request)[JOB]
    for _ in generation.generate(request, job=job):
        pass
    assert 0.9 * foreseen <= most[0] <= foreseen + 10 * 1024  # what else is in the files


def test_stages_take_their_files_but_for_those_that_are_there():
    request = toy_request(height=48, width=48)
    folder = Path("stages")
    first, *others = (file_bytes(OUT.with_suffix(".png"), side, side) for side in (16, 32, 48))
    assert needed(request, SHOWN)[folder] == first + sum(others)
    folder.mkdir()
    stage_file(folder, 1).touch()
    assert needed(request, SHOWN)[folder] == sum(others)
