"""How fast a model paints is learnt, and told of pictures to come."""

import pytest

from muralist.planning import work
from muralist.request import Request
from muralist.studio.rates import Rates

ASKED = {"prompt": "a red circle", "num_inference_steps": 4, "batch_size": 8}


@pytest.fixture
def request_() -> Request:
    return Request(**ASKED, height=256, width=256)


def test_nothing_is_told_of_a_model_that_has_not_painted(tmp_path, request_):
    rates = Rates(tmp_path / "rates.json")
    rates.learn(Request(**ASKED, model="toy"), work(request_).stages[0], 1.0, 3.0)
    assert rates.seconds(request_, work(request_)) is None


def test_what_was_painted_is_told_as_long_as_it_took(tmp_path, request_):
    rates, cost = Rates(tmp_path / "rates.json"), work(request_)
    for stage, seconds in zip(cost.stages, (2.0, 30.0), strict=True):
        rates.learn(request_, stage, 1.0, seconds)
    assert rates.seconds(request_, cost) == pytest.approx(32.0)
    assert rates.seconds(request_, cost, 1) == pytest.approx(30.0)


def test_a_part_of_a_stage_tells_as_much(tmp_path, request_):
    rates, cost = Rates(tmp_path / "rates.json"), work(request_)
    rates.learn(request_, cost.stages[1], 0.25, 7.5)
    assert rates.seconds(request_, cost, 1) == pytest.approx(30.0)


def test_stages_are_told_by_the_one_that_asks_most_alike(tmp_path, request_):
    """One view alone is slower than each of many."""
    rates, cost = Rates(tmp_path / "rates.json"), work(request_)
    for stage, seconds in zip(cost.stages, (2.0, 30.0), strict=True):
        rates.learn(request_, stage, 1.0, seconds)
    larger = work(Request(**ASKED, height=512, width=512))
    base, second, *_ = larger.stages
    assert rates.seconds(request_, larger) > 32.0
    assert rates.seconds(request_, type(larger)((base,))) == pytest.approx(2.0)
    assert rates.seconds(request_, type(larger)((second,))) == pytest.approx(30.0)


def test_rates_outlive_the_process_and_a_broken_file_is_forgotten(tmp_path, request_):
    cost = work(request_)
    Rates(tmp_path / "rates.json").learn(request_, cost.stages[0], 1.0, 2.0)
    assert Rates(tmp_path / "rates.json").seconds(request_, cost) is not None
    for broken in ("{", "[]", '{"shapes": 3}', '{"shapes": {"x": 1}}'):
        (tmp_path / "rates.json").write_text(broken)
        assert Rates(tmp_path / "rates.json").seconds(request_, cost) is None
