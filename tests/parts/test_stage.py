"""Sizes grow from native to final, and what happens between two stages."""

from fractions import Fraction
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from muralist import DemoFusion
from muralist.canvas import Size
from muralist.codec import Latents, ModelCodec
from muralist.models import Toy
from muralist.stage import bicubic, cascade, keep, match_statistics, progression
from tests.laws.parts import normal, painted, toy_request

sides = st.integers(1, 300)
sizes = st.builds(Size, sides, sides)
quick = settings(max_examples=200, deadline=None, derandomize=True)


@quick
@given(native=sizes, size=sizes)
def test_any_progression_starts_near_native_grows_and_ends_at_the_size(native, size):
    """Near: within it, or beyond by up to a quarter, which costs no stage of its own."""
    first, *larger = stages = progression(native, size)
    assert stages[-1] == size
    room = 1 if larger else Fraction(5, 4)
    assert first.height <= room * native.height and first.width <= room * native.width
    for before, after in pairwise(stages):
        assert before.height <= after.height and before.width <= after.width
        assert before != after
    assert all(min(stage) >= 1 for stage in stages)


@quick
@given(native=sizes, size=sizes)
def test_every_stage_is_a_native_side_larger_and_the_last_up_to_a_quarter_more(native, size):
    for before, after in pairwise(progression(native, size)):
        most = Fraction(5, 4) if after == size else 1
        # the shorter side is rounded down, and grows by a cell more at times
        assert after.height - before.height <= most * native.height + 1
        assert after.width - before.width <= most * native.width + 1


@quick
@given(native=sizes, size=sizes)
def test_stages_keep_the_ratio_rounded_down_to_whole_cells(native, size):
    *smaller, _ = progression(native, size)
    for number, stage in enumerate(smaller, start=1):
        ratio = max(Fraction(size.height, native.height), Fraction(size.width, native.width))
        for ours, full in zip(stage, size, strict=True):
            exact = full * number / ratio
            assert ours == max(exact.numerator // exact.denominator, 1)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (Size(128, 128), [(128, 128)]),
        (Size(256, 256), [(128, 128), (256, 256)]),
        (Size(384, 384), [(128, 128), (256, 256), (384, 384)]),
        (Size(256, 512), [(64, 128), (128, 256), (192, 384), (256, 512)]),
        (Size(384, 256), [(128, 85), (256, 170), (384, 256)]),  # the paper's 3072x2048
        (Size(100, 100), [(100, 100)]),
        (Size(320, 320), [(128, 128), (256, 256), (320, 320)]),  # two and a half
        (Size(160, 4), [(160, 4)]),  # a quarter more than native
        (Size(161, 4), [(128, 3), (161, 4)]),
        (Size(288, 288), [(128, 128), (288, 288)]),  # two and a quarter
        (Size(1, 1000), [(1, 128 * s) for s in range(1, 8)] + [(1, 1000)]),
    ],
)
def test_progressions_by_example(size, expected):
    assert progression(Size(128, 128), size) == [Size(*each) for each in expected]


@quick
@given(native=sizes, size=sizes, growth=st.floats(1.1, 16))
def test_a_cascade_starts_at_native_area_and_grows_alike_to_the_size(native, size, growth):
    *smaller, last = cascade(native, size, growth)
    assert last == size
    if size.area <= native.area:
        assert not smaller
        return
    ratio = (size.area / native.area) ** 0.5
    count = len(smaller)
    assert ratio ** (1 / count) <= growth * (1 + 1e-5)
    assert count == 1 or ratio ** (1 / (count - 1)) > growth * (1 - 1e-5)
    for at, stage in enumerate(smaller):
        for ours, full in zip(stage, size, strict=True):
            exact = full / ratio ** (1 - at / count)
            assert exact - 1 - 1e-3 <= ours <= max(exact, 1) + 1e-3


@pytest.mark.parametrize(
    ("size", "growth", "expected"),
    [
        (Size(128, 128), 2, [(128, 128)]),
        (Size(512, 512), 2, [(128, 128), (256, 256), (512, 512)]),
        (Size(512, 512), 4, [(128, 128), (512, 512)]),
        (Size(448, 576), 2, [(112, 144), (224, 288), (448, 576)]),  # the published recipe
        (Size(64, 64), 2, [(64, 64)]),
    ],
)
def test_cascades_by_example(size, growth, expected):
    native = Size(112, 144) if size.width == 576 else Size(128, 128)
    assert cascade(native, size, growth) == [Size(*each) for each in expected]


def test_enlarging_is_bicubic():
    latents = normal(1, 3, 5, 7)
    codec = ModelCodec(Toy())
    larger = bicubic(Latents(codec, latents), Size(9, 20), codec)
    expected = torch.nn.functional.interpolate(
        latents, size=(9, 20), mode="bicubic", align_corners=False
    )
    assert torch.equal(larger, expected)


def test_statistics_are_set_to_those_of_the_first_result():
    first, last = 3 * normal(1, 4, 8, 8) + 2, normal(1, 4, 16, 16, seed=1)
    matched = match_statistics(last, Latents(ModelCodec(Toy()), first))
    assert matched.mean().item() == pytest.approx(first.mean().item(), abs=1e-12)
    assert matched.std().item() == pytest.approx(first.std().item(), abs=1e-12)
    together = torch.stack([matched.flatten(), last.flatten()])
    assert torch.corrcoef(together)[0, 1].item() == pytest.approx(1, abs=1e-12)


def test_what_is_kept_stays():
    latents = normal(1, 4, 8, 8)
    assert keep(latents, Latents(ModelCodec(Toy()), normal(1, 4, 4, 4))) is latents


def test_every_stage_of_demofusion_has_the_statistics_of_the_first():
    first, *larger = painted(toy_request(height=48, width=32)).stages
    assert len(larger) == 2
    for stage in larger:
        assert stage.latents.mean().item() == pytest.approx(first.latents.mean().item(), abs=1e-5)
        assert stage.latents.std().item() == pytest.approx(first.latents.std().item(), abs=1e-5)


def test_later_stages_keep_the_composition_of_the_first():
    """Low frequencies survive: a stage, made as small as the last, resembles it."""
    one, two, three = painted(
        toy_request(DemoFusion(), height=48, width=48, num_inference_steps=20)
    ).stages
    for before, after in ((one, two), (two, three)):
        small = torch.nn.functional.adaptive_avg_pool2d(after.latents, tuple(before.size))
        pair = torch.stack([small.flatten(), before.latents.flatten()])
        assert torch.corrcoef(pair)[0, 1] > 0.7


def test_stages_can_be_listed_before_anything_is_painted():
    stages = list(DemoFusion(strength=0.5).stages(Toy(), Size(40, 24)))
    assert [stage.size for stage in stages] == [(16, 9), (32, 19), (40, 24)]
    assert [stage.strength for stage in stages] == [1.0, 0.5, 0.5]
