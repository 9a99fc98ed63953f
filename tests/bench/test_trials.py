"""Pictures are painted once, and kept beside what they cost."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import muralist
from muralist.bench import trials
from muralist.bench.cases import Case
from muralist.bench.entrants import entrant
from muralist.bench.trials import Trial, Workshop
from muralist.canvas import Size
from muralist.errors import BadRequest
from muralist.events import StageDone, Ticked

CASE = Case("a sea", 3, Size(32, 64))
ASKED = {"model": "toy", "num_inference_steps": 4}


@pytest.fixture
def workshop(tmp_path) -> Workshop:
    return Workshop(tmp_path, ASKED)


def trial(name: str) -> Trial:
    return Trial(entrant(name), CASE)


def files(workshop: Workshop) -> dict[Path, tuple[int, bytes]]:
    """All files of a workshop: when they were written, and what is in them."""
    return {
        file: (file.stat().st_mtime_ns, file.read_bytes())
        for file in workshop.folder.rglob("*")
        if file.is_file()
    }


def stages(method: str) -> list[np.ndarray]:
    painted = muralist.paint(
        "toy", "a sea", height=32, width=64, seed=3, num_inference_steps=4, method=method
    )
    return [stage.pixels for stage in painted.stages]


def test_a_picture_is_the_one_that_paint_paints_and_the_base_is_its_first_stage(workshop):
    one = trial("demofusion")
    assert not workshop.done(one)
    workshop(one)
    base, *_, large = stages("demofusion")
    assert workshop.done(one)
    assert np.array_equal(workshop.large(one), large)
    assert np.array_equal(workshop.base(one), base)
    assert base.shape == (8, 16, 3)


def test_a_method_without_a_base_has_the_native_picture(workshop):
    """Of the same ratio, prompt and seed, as long as the model's pictures are."""
    one = trial("multidiffusion")
    workshop(one)
    workshop(workshop.native(CASE))
    native = muralist.paint(
        "toy", "a sea", height=8, width=16, seed=3, num_inference_steps=4, method="multidiffusion"
    )
    assert np.array_equal(workshop.base(one), native.pixels)
    assert workshop.native_size(CASE) == Size(8, 16)


def test_what_is_there_is_not_painted_again(workshop, monkeypatch):
    one = trial("pixelsmith")
    workshop(one)
    there = files(workshop)
    monkeypatch.setattr(trials, "generate", lambda *_, **__: pytest.fail("painted again"))
    workshop(one)
    assert files(workshop) == there
    with pytest.raises(pytest.fail.Exception):
        workshop(trial("demofusion"))  # which is not there


def test_evaluations_are_those_of_the_network_and_seconds_have_parts(workshop):
    one = trial("demofusion")
    workshop(one)
    cost = workshop.cost(one)
    request = replace(workshop.request(one), model=muralist.load("toy"))
    assert cost["evaluations"] == muralist.plan(request).evaluations
    parts = [cost[f"{part}_s"] for part in ("base", "upscale", "decode")]
    assert cost["seconds"] == pytest.approx(sum(parts))
    assert min(*parts, cost["cpu_seconds"]) > 0


def test_a_method_of_one_stage_has_no_base_to_pay_for(workshop):
    workshop(trial("multidiffusion"))
    assert workshop.cost(trial("multidiffusion"))["base_s"] == 0


@pytest.mark.parametrize("stop", [Ticked, StageDone])
def test_a_trial_that_was_stopped_goes_on_to_the_same_picture(workshop, monkeypatch, stop):
    """And does not claim to know how long all of it took."""
    one = trial("demofusion")

    def interrupted(*given, **more):
        for event in muralist.generate(*given, **more):
            yield event
            if isinstance(event, stop) and event.stage == 2:
                raise KeyboardInterrupt

    monkeypatch.setattr(trials, "generate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        workshop(one)
    assert not workshop.done(one)
    monkeypatch.setattr(trials, "generate", muralist.generate)
    workshop(one)
    base, *_, large = stages("demofusion")
    assert np.abs(workshop.large(one).astype(int) - large).max() <= 1
    assert np.array_equal(workshop.base(one), base)
    assert set(workshop.cost(one)) == {"evaluations"}
    assert sorted(file.suffix for file in workshop.path(one).parent.iterdir()) == [
        ".json",
        ".png",
        ".png",
    ]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"asked": {**ASKED, "num_inference_steps": 5}}, "num_inference_steps"),
        ({"dtype": torch.bfloat16}, "dtype"),
    ],
)
def test_pictures_painted_otherwise_are_not_taken_for_these(workshop, change, what):
    workshop(trial("multidiffusion"))
    with pytest.raises(BadRequest, match=what):
        replace(workshop, **change).done(trial("multidiffusion"))


def test_a_record_that_cannot_be_read_is_named(workshop):
    one = trial("multidiffusion")
    workshop(one)
    record = workshop.path(one).with_suffix(".json")
    record.write_text(json.dumps({"asked": 1})[:-3])
    with pytest.raises(BadRequest, match=r"\.json is no record"):
        workshop.done(one)


def test_nobody_paints_over_anybody(tmp_path, workshop):
    names = [
        "pixelsmith",
        "pixelsmith:slider=10",
        "pixelsmith:slider=1",
        "pixelsmith:growth=1.5",
        "pixelsmith:growth=15",
    ]
    paths = {workshop.path(trial(name)) for name in names}
    assert len(paths) == len(names)
    assert all(tmp_path in path.parents for path in paths)


def test_a_native_picture_is_one_for_all_sizes_of_a_ratio_and_no_other(workshop):
    larger, wider = (replace(CASE, size=size) for size in (Size(48, 96), Size(32, 96)))
    assert workshop.native(larger) == workshop.native(CASE) != workshop.native(wider)


def test_a_native_picture_of_other_settings_is_not_taken_for_this_one(workshop):
    """It belongs to all methods of a folder."""
    workshop(workshop.native(CASE))
    more = replace(workshop, asked={**ASKED, "num_inference_steps": 9})
    with pytest.raises(BadRequest, match="num_inference_steps"):
        more.done(more.native(CASE))
