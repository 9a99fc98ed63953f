"""What is told before a picture is asked for, and when there is no room for it."""

from collections import namedtuple
from dataclasses import replace

import psutil
import pytest
import torch

from muralist.planning import plan
from muralist.request import Request
from muralist.studio import estimate as module
from muralist.studio.estimate import Plans, effort, estimated
from muralist.studio.rates import Rates


@pytest.fixture
def request_() -> Request:
    return Request(prompt="a red circle", height=512, width=384)


def told(request, folder):
    return estimated(request, folder, Rates(folder / "rates.json"))


def test_an_estimate_is_the_plans(tmp_path, request_):
    estimate, cost = told(request_, tmp_path), plan(request_, out=tmp_path / "picture.tif")
    assert estimate.evaluations == cost.evaluations
    assert estimate.base_evaluations == cost.stages[0].evaluations
    assert estimate.device_bytes == cost.device_bytes
    assert [*estimate.stages[-1]] == [512, 384] and len(estimate.stages) == len(cost.stages)
    assert estimate.disk_bytes > cost.disk_bytes  # the pictures of the stages are kept
    assert estimate.short is None


def test_too_little_memory_is_told(tmp_path, request_, monkeypatch):
    cost = plan(request_, out=tmp_path / "picture.tif")
    needed = cost.device_bytes + cost.host_bytes
    for total, short in ((needed, False), (needed - 1, True)):
        memory = psutil.virtual_memory()._replace(total=total)
        monkeypatch.setattr(psutil, "virtual_memory", lambda memory=memory: memory)
        assert bool(told(request_, tmp_path).short) is short
    assert "of memory, and there are" in told(request_, tmp_path).short


def test_too_little_disk_is_told(tmp_path, request_, monkeypatch):
    usage = namedtuple("usage", "total used free")
    needed = told(request_, tmp_path).disk_bytes
    for free, short in ((needed, False), (needed - 1, True)):
        monkeypatch.setattr(
            module.shutil, "disk_usage", lambda _, free=free: usage(2 * free, free, free)
        )
        assert bool(told(request_, tmp_path).short) is short
    assert str(tmp_path) not in told(request_, tmp_path).short


def test_an_estimate_leaves_nothing_behind(tmp_path, request_):
    told(request_, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_effort_is_the_estimates_without_what_takes_long(tmp_path, request_):
    estimate, known = told(request_, tmp_path), effort(request_, Rates(tmp_path / "rates.json"))
    assert vars(known) == {name: getattr(estimate, name) for name in vars(known)}


def test_of_words_and_seeds_a_plan_is_made_once(tmp_path, request_, monkeypatch):
    made = []
    monkeypatch.setattr(module, "plan", lambda request, **how: made.append(request) or object())
    plans = Plans()

    def asked(**changed):
        return plans.plan(replace(request_, **changed), tmp_path / "picture.tif", torch.float32)

    first = asked()
    assert asked(prompt="a blue star") is first and asked(seed=7) is first and len(made) == 1
    assert asked(width=512) is not first and len(made) == 2


def test_plans_are_not_kept_for_ever(tmp_path, request_, monkeypatch):
    monkeypatch.setattr(module, "plan", lambda request, **how: object())
    plans = Plans()
    first = plans.plan(request_, tmp_path, torch.float32)
    for steps in range(100, 164):
        plans.plan(replace(request_, num_inference_steps=steps), tmp_path, torch.float32)
    assert plans.plan(request_, tmp_path, torch.float32) is not first
