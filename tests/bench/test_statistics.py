"""Means and their intervals."""

import numpy as np
import pytest

from muralist.bench.statistics import mean


def test_the_interval_holds_the_true_mean_about_as_often_as_it_says():
    draw = np.random.default_rng(1)
    samples = [mean(draw.exponential(2.0, 40).tolist()) for _ in range(300)]
    inside = sum(one.low <= 2.0 <= one.high for one in samples)
    assert 0.88 <= inside / 300 <= 0.98  # percentile intervals of skewed samples are a little short


def test_values_of_one_prompt_count_as_one():
    """Ten copies of every value tell nothing new; taken for independent they would seem to."""
    values = np.random.default_rng(2).normal(size=12).tolist()
    copied = [value for value in values for _ in range(10)]
    prompts = [number for number in range(12) for _ in range(10)]
    alone, clustered, naive = mean(values), mean(copied, prompts), mean(copied)
    assert clustered[:3] == pytest.approx(alone[:3])
    assert naive.high - naive.low < 0.5 * (clustered.high - clustered.low)


def test_equal_values_have_an_interval_of_no_width():
    assert mean([3.0, 3.0, 3.0])[:3] == (3.0, 3.0, 3.0)


def test_a_single_prompt_has_no_interval():
    assert mean([1.0, 2.0], ["a", "a"]) == (1.5, None, None, 2)


def test_the_same_values_give_the_same_interval():
    assert mean([1.0, 2.0, 4.0]) == mean([1.0, 2.0, 4.0])
