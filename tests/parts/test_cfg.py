"""Classifier-free guidance: one batch, the paper's equation, diffusers' rescaling."""

from dataclasses import replace

import pytest
import torch
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import rescale_noise_cfg

from muralist import BadRequest
from muralist.canvas import Size, View
from muralist.denoisers import CFG
from muralist.query import Cond, Estimate, Query
from tests.laws.parts import Watched, normal, query, steps

CANVAS = Size(8, 8)
PREDICTIONS = ["epsilon", "v_prediction", "sample", "flow_prediction"]


def cond(*values: float) -> Cond:
    rows = torch.tensor(values).double()
    return Cond(rows.view(-1, 1, 1), 2 * rows.view(-1, 1))


def output(x, q: Query):
    """What the network itself answers: noise, velocity, flow or the sample."""
    words = q.cond.rows(len(x))
    return torch.tanh(1.3 * x + q.step.t) + words.embeds.view(-1, 1, 1, 1) * x.cos()


def answered(x, q: Query) -> Estimate:
    return Estimate(x, q.step.carry * x - q.step.gain * output(x, q))


def asked(prediction: str = "epsilon", index: int = 1) -> Query:
    flow = prediction == "flow_prediction"
    step = steps(4, prediction_type=prediction, use_flow_sigmas=flow)[index]
    views = [View(0, 0, 8, 8), View(0, 4, 8, 8)]
    return replace(query(CANVAS, step).at(views), cond=cond(0.7), negative=cond(-0.3))


def halves(x, q: Query):
    """Outputs without and with the prompt."""
    return output(x, replace(q, cond=q.negative)), output(x, q)


@pytest.mark.parametrize("prediction", PREDICTIONS)
@pytest.mark.parametrize("scale", [1.5, 7.5])
def test_guidance_leads_away_from_the_negative_prompt(scale, prediction):
    x, q = normal(2, 3, 8, 8), asked(prediction)
    without, given = halves(x, q)
    expected = q.step.carry * x - q.step.gain * (without + scale * (given - without))
    torch.testing.assert_close(CFG(answered, scale)(x, q).x0, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("prediction", PREDICTIONS)
@pytest.mark.parametrize("index", range(4))
@pytest.mark.parametrize("rescale", [0.4, 1.0])
def test_rescaling_is_that_of_diffusers_on_the_networks_output(rescale, index, prediction):
    x, q = normal(2, 3, 8, 8), asked(prediction, index)
    without, given = halves(x, q)
    rescaled = rescale_noise_cfg(without + 7.5 * (given - without), given, rescale)
    expected = q.step.carry * x - q.step.gain * rescaled
    ours = CFG(answered, 7.5, rescale)(x, q).x0
    torch.testing.assert_close(ours, expected, rtol=1e-9, atol=1e-9)


def test_both_halves_are_asked_in_one_batch_negative_rows_first():
    calls = []

    def noted(x, q):
        calls.append((x, q))
        return answered(x, q)

    x, q = normal(2, 3, 8, 8), asked()
    answer = CFG(noted, 7.5)(x, q)
    ((both, told),) = calls
    assert torch.equal(both, torch.cat([x, x]))
    assert told.cond.embeds.flatten().tolist() == pytest.approx([-0.3, -0.3, 0.7, 0.7])
    assert told.cond.pooled.flatten().tolist() == pytest.approx([-0.6, -0.6, 1.4, 1.4])
    assert told.views == q.views * 2
    assert told.negative is None
    assert answer.x.shape == x.shape


def test_rows_with_prompts_of_their_own_keep_them():
    x, q = normal(2, 3, 8, 8), replace(asked(), cond=cond(0.7, 0.2))
    guided = CFG(answered, 7.5)(x, q).x0
    for row, prompt in enumerate((0.7, 0.2)):
        alone = replace(q.at(q.views[row : row + 1]), cond=cond(prompt))
        expected = CFG(answered, 7.5)(x[row : row + 1], alone).x0
        torch.testing.assert_close(guided[row : row + 1], expected)


def test_without_a_negative_there_is_nothing_to_lead_away_from():
    x, q = normal(2, 3, 8, 8), replace(asked(), negative=None)
    assert torch.equal(CFG(answered, 7.5)(x, q).x0, answered(x, q).x0)


@pytest.mark.parametrize(
    ("interval", "guided"),
    [
        ((0.0, 1.0), [0, 1, 2, 3, 4]),
        ((0.2, 0.6), [1, 2]),
        ((0.0, 0.5), [0, 1, 2]),
        ((0.5, 1.0), [3, 4]),
        ((0.4, 0.4), []),
        ((1.0, 1.0), []),
    ],
)
def test_an_interval_limits_guidance_to_its_steps(interval, guided):
    cfg = CFG(answered, 7.5, interval=interval)
    assert [step.index for step in steps(5) if cfg.active(step)] == guided


def test_steps_outside_the_interval_cost_one_row_a_view():
    from muralist.models import Toy

    inner = Watched(Toy())
    x = normal(2, 3, 8, 8)
    for step in steps(4):
        CFG(inner, 7.5, interval=(0.0, 0.5))(x, replace(asked(), step=step))
    assert inner.rows == [4, 4, 2, 2]


def test_guidance_is_a_painter_of_the_networks_native_size():
    from muralist.models import Toy

    assert CFG(Toy(), 7.5).native == Toy().native


@pytest.mark.parametrize("scale", [-1.0, float("nan"), float("inf")])
def test_a_scale_that_is_no_number_from_0_is_refused(scale):
    with pytest.raises(BadRequest, match=f"guidance_scale is {scale}; 0 or more"):
        CFG(answered, scale)


@pytest.mark.parametrize("rescale", [-0.1, 1.1, float("nan")])
def test_a_rescale_outside_0_to_1_is_refused(rescale):
    with pytest.raises(BadRequest, match=f"guidance_rescale is {rescale}; 0 to 1"):
        CFG(answered, 7.5, rescale)


@pytest.mark.parametrize("interval", [(0.5, 0.4), (-0.1, 1.0), (0.0, 1.1), (float("nan"), 1.0)])
def test_an_interval_that_is_none_is_refused(interval):
    start, stop = interval
    with pytest.raises(BadRequest, match=f"guidance_interval is {start} to {stop}"):
        CFG(answered, 7.5, interval=interval)
