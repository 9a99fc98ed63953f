"""The program that trains the features: true targets, runs that end alike, and what it writes."""

import random
from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file
from training.features.__main__ import MOMENTS, SHOWN, export, trained
from training.features.data import NAMES, SIDES, examples, windows
from training.features.flaws import Drawn, spoil
from training.features.task import PLAN, Telling

from muralist.bench.network import FeatureNetwork
from muralist.shapes.scene import RGB

SHORT = replace(PLAN, steps=8, warmup=1, decay=4, average=2, save=4)


def silent(line: str) -> None:
    del line


@pytest.mark.parametrize("side", SIDES)
def test_every_cell_is_made_of_something(side):
    batch = examples(1, 6, side)
    for shares in (batch.colours, batch.shapes, batch.materials):
        assert shares.shape[2:] == (side // 8, side // 8)
        assert shares.min() >= 0
        assert torch.allclose(shares.sum(1), torch.ones(6, side // 8, side // 8), atol=1e-5)


def test_colours_are_where_they_are_said_to_be():
    """In cells of one colour the picture has it, to the light and the materials' shade."""
    batch = examples(2, 24, 64, flaws=False)
    colours = torch.tensor([RGB[name] for name in NAMES])
    mean = (batch.looks[:, :3] + 1) / 2
    for number, colour in enumerate(colours):
        cells = mean.movedim(1, 3)[batch.colours[:, number] > 0.999]
        if len(cells):
            shade = (cells @ colour) / colour.square().sum()
            off = (cells - shade[:, None] * colour).norm(dim=1)
            assert off.max() < 0.06, NAMES[number]


def test_examples_are_drawn_by_their_seed():
    one, again, other = (examples(seed, 4, 64) for seed in (3, 3, 4))
    assert torch.equal(one.pictures, again.pictures)
    assert torch.equal(one.wrong, again.wrong)
    assert not torch.equal(one.pictures, other.pictures)


def test_true_windows_have_nothing_wrong():
    batch = examples(5, 16, 64, flaws=False)
    assert batch.wrong[:, 1:].abs().max() == 0
    assert batch.seams.max() == 0
    assert torch.equal(batch.pictures, windows(5, 16, 64))


def test_every_flaw_is_put_in_and_told():
    batch = examples(6, 128, 64)
    shares = (batch.wrong[:, 1:] > 0).float().mean(0)
    assert ((shares > 0.08) & (shares < 0.45)).all()
    assert (batch.seams.amax((1, 2, 3)) > 0.2).any()


def test_seams_are_where_two_shifts_meet_and_only_if_it_shows():
    flat = Drawn(torch.zeros(3, 96, 96), torch.zeros(2, 96, 96))
    assert all(spoil(random.Random(n), flat, 64).seam.max() == 0 for n in range(20))
    noise = Drawn(torch.rand(3, 96, 96), torch.zeros(2, 96, 96))
    lines = {float((spoil(random.Random(n), noise, 64).seam > 0).sum()) for n in range(40)}
    assert lines == {0, 64}  # none, or all pixels along one line


def test_every_parameter_is_taught():
    task = Telling(SHORT, batch=4)
    task.loss(0, torch.Generator().manual_seed(0)).backward()
    assert all(p.grad is not None for p in task.module.parameters())


@pytest.fixture(scope="module")
def short(tmp_path_factory) -> FeatureNetwork:
    """What a few steps make of it."""
    return trained(tmp_path_factory.mktemp("short"), silent, SHORT, batch=2)


def test_two_runs_write_the_same_network(short, tmp_path):
    again = trained(tmp_path / "work", silent, SHORT, batch=2)
    for name, network in (("once", short), ("again", again)):
        export(deepcopy(network), tmp_path / f"{name}.safetensors")
    once, again = (load_file(tmp_path / f"{name}.safetensors") for name in ("once", "again"))
    assert once.keys() == again.keys() == FeatureNetwork().state_dict().keys()
    assert all(torch.equal(once[name], again[name]) for name in once)
    torch.manual_seed(SHORT.seed)
    untrained = FeatureNetwork().state_dict()["look.0.weight"]
    assert (once["look.0.weight"].float() - untrained).abs().max() > 1e-3


def test_features_of_what_they_were_trained_on_have_mean_zero_and_variance_one(short):
    shown = [examples(SHOWN + i, 2, 128).pictures for i in range(MOMENTS)]
    with torch.no_grad():
        features = torch.cat([short(some) for some in shown])
    # Layers below have the moments of all batches here, and of each when they were taken.
    assert features.mean((0, 2, 3)).abs().mean() < 0.3
    assert (features.std((0, 2, 3)) - 1).abs().mean() < 0.3
