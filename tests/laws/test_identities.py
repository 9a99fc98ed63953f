"""Settings that should change nothing change nothing."""

from dataclasses import replace

import pytest
import torch

from muralist import DemoFusion, MultiDiffusion
from muralist.canvas import Size, View
from muralist.denoisers import CFG, Blended, Corrected, Filtered, Relabelled, Steered
from muralist.guides import Reference, Residual
from muralist.models import Toy
from muralist.query import Cond, Estimate
from muralist.solvers.schedule import SOLVERS, Constant, schedule
from tests.laws.parts import (
    IDENTITIES,
    METHODS,
    Watched,
    distance,
    followed,
    network,
    normal,
    painted,
    query,
    steps,
    toy_request,
)

CANVAS = Size(16, 16)
WORDS, OTHER_WORDS = Cond(torch.ones(1, 1, 1).double()), Cond(-torch.ones(1, 1, 1).double())


def wordy(x, q) -> Estimate:
    """A network that minds what it is told to draw."""
    mood = q.cond.rows(len(x)).embeds.view(-1, 1, 1, 1)
    x0 = torch.tanh(1.3 * x + q.step.t + mood * x.cos())
    return Estimate(x, x0)


def asked(**known):
    return replace(query(CANVAS, **known), cond=WORDS, negative=OTHER_WORDS)


@pytest.mark.parametrize("step", steps(4), ids=lambda step: f"step{step.index}")
@pytest.mark.parametrize("wrapped", IDENTITIES.values(), ids=IDENTITIES)
def test_an_identity_answers_as_what_it_holds(wrapped, step):
    x, q = normal(1, 3, *CANVAS), asked(step=step)
    expected, ours = wordy(x, q), wrapped(wordy)(x, q)
    # one view of all is divided by its own weight, hence a rounding
    torch.testing.assert_close(ours.x, expected.x, rtol=1e-14, atol=1e-14)
    torch.testing.assert_close(ours.x0, expected.x0, rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("wrapped", IDENTITIES.values(), ids=IDENTITIES)
def test_an_identity_asks_what_it_holds_once_and_about_one_row(wrapped):
    inner = Watched(Toy())
    x, q = normal(1, 3, *CANVAS), asked()
    wrapped(inner)(x, q)
    assert inner.rows == [1]


def test_guidance_without_rescaling_is_plain_guidance():
    x, q = normal(2, 3, *CANVAS), asked()
    assert torch.equal(CFG(wordy, 7.5, rescale=0.0)(x, q).x0, CFG(wordy, 7.5)(x, q).x0)
    assert not torch.equal(CFG(wordy, 7.5, rescale=0.1)(x, q).x0, CFG(wordy, 7.5)(x, q).x0)


@pytest.mark.parametrize("step", steps(4), ids=lambda step: f"step{step.index}")
def test_guidance_from_the_first_to_the_last_step_is_plain_guidance(step):
    x, q = normal(2, 3, *CANVAS), asked(step=step)
    always = CFG(wordy, 7.5, interval=(0.0, 1.0))(x, q)
    assert torch.equal(always.x0, CFG(wordy, 7.5)(x, q).x0)
    assert not torch.equal(always.x0, wordy(x, q).x0)


def test_a_blend_between_its_ends_asks_both_sides():
    near, far = Watched(Toy()), Watched(Toy(length=1.0))
    x, q = normal(1, 3, *CANVAS), query(CANVAS)
    mixed = Blended(near, far, Constant(0.25))(x, q)
    assert near.rows == far.rows == [1]
    expected = 0.75 * near(x, q).x0 + 0.25 * far(x, q).x0
    torch.testing.assert_close(mixed.x0, expected)


def test_a_residual_at_full_weight_forgets_x():
    reference = Reference(normal(1, 3, *CANVAS, seed=1), normal(1, 3, *CANVAS, seed=2))
    q = query(CANVAS)
    held = Residual(reference, Constant(1.0))(normal(1, 3, *CANVAS), q)
    torch.testing.assert_close(held, reference.at(q.step).x)


def test_a_residual_moves_by_its_weight_towards_the_reference():
    reference = Reference(normal(1, 3, *CANVAS, seed=1), normal(1, 3, *CANVAS, seed=2))
    x, q = normal(1, 3, *CANVAS), query(CANVAS)
    held = Residual(reference, Constant(0.3))(x, q)
    torch.testing.assert_close(held, 0.7 * x + 0.3 * reference.at(q.step).x)


def test_steered_steps_from_where_x_was_moved_to():
    x, q = normal(1, 3, *CANVAS), query(CANVAS)
    moved = Steered(wordy, lambda x, q: x + 1)(x, q)
    assert torch.equal(moved.x, x + 1)
    assert torch.equal(moved.x0, wordy(x + 1, q).x0)


def test_corrected_changes_the_answer():
    x, q = normal(1, 3, *CANVAS), query(CANVAS)
    halved = Corrected(wordy, lambda e, q: Estimate(e.x, e.x0 / 2))(x, q)
    assert torch.equal(halved.x0, wordy(x, q).x0 / 2)


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "sample", "flow_prediction"])
def test_filtered_keeps_the_output_and_steps_from_x(prediction):
    """With x0 = carry x - gain output, written out for the output at the lens."""
    flow = prediction == "flow_prediction"
    step = steps(4, prediction_type=prediction, use_flow_sigmas=flow)[1]
    x, q = normal(1, 3, *CANVAS), query(CANVAS, step)

    def answer(x, q):
        return Estimate(x, step.carry * x - step.gain * torch.sin(x))

    seen = Filtered(answer, lambda x, q: x.roll(2, -1) / 2)(x, q)
    expected = step.carry * x - step.gain * torch.sin(x.roll(2, -1) / 2)
    assert torch.equal(seen.x, x)
    torch.testing.assert_close(seen.x0, expected, rtol=1e-12, atol=1e-12)


def test_relabelled_changes_the_views_that_are_told_and_not_those_that_are_seen():
    x, q = normal(1, 3, *CANVAS), query(CANVAS).at([View(2, 3, 16, 16)])
    inner = Watched(Toy())
    answer = Relabelled(inner, 4, 5)(x, q)
    assert inner.asked[0].views == (View(6, 8, 16, 16),)
    assert torch.equal(answer.x0, Toy()(x, q).x0)


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_at_native_size_every_method_samples_plainly(method):
    """No method has anything to add where the model already paints the whole picture."""
    request = toy_request(method, height=16, width=16, guidance_scale=1.0)
    run, drawn = schedule(Toy().card.scheduler, 4), normal(1, 3, 16, 16, dtype=torch.float32)
    plain = followed(drawn * run.noise_scale, Toy(), run.steps, run.solver, query(CANVAS))[-1]
    ours = painted(request, latents=drawn)
    assert len(ours.stages) == 1
    # a gaussian's weights divide out but for a rounding in float32
    assert distance(ours.latents, plain) < 1e-6


@pytest.mark.parametrize("solver", ["ddim", "euler", "dpmpp2m"])
def test_runs_hand_solvers_what_they_remember(solver):
    run = schedule(Toy().card.scheduler, 6, solver)
    drawn = normal(1, 3, 16, 16, dtype=torch.float32)
    plain = followed(drawn * run.noise_scale, Toy(), run.steps, run.solver, query(CANVAS))[-1]
    card = replace(
        Toy().card, scheduler={**Toy().card.scheduler, "_class_name": SOLVERS[solver].scheduler}
    )
    request = toy_request(
        model=replace(Toy(), card=card), height=16, width=16, num_inference_steps=6
    )
    assert distance(painted(request, latents=drawn).latents, plain) < 1e-6


def distance_to_own_pipeline(model, method, **settings) -> float:
    """Of diffusers' loop, size and crop ids, and guidance, to ours with nothing to fuse."""
    cells = settings["height"] // 8, settings["width"] // 8
    drawn = normal(1, 4, *cells, dtype=torch.float32)
    settings = {"prompt": "a red cat", "num_inference_steps": 3, "guidance_scale": 6.0, **settings}
    model.pipe.set_progress_bar_config(disable=True)
    theirs = model.pipe(latents=drawn.clone(), output_type="latent", **settings).images
    ours = painted(toy_request(method, model=model, **settings), latents=drawn).latents
    return distance(ours.cpu(), theirs.cpu())


@pytest.mark.parametrize("method", [DemoFusion(), MultiDiffusion()])
def test_at_native_size_sdxl_paints_as_its_own_pipeline_does(tiny_sdxl, method):
    settings = {"negative_prompt": "blurry", "height": 256, "width": 256}
    # float32, in another order
    assert distance_to_own_pipeline(tiny_sdxl, method, **settings) < 1e-4


def test_at_native_size_sd_paints_as_its_own_pipeline_does(tiny_sd):
    # smaller than native, to be quick
    settings = {"height": 192, "width": 192, "guidance_rescale": 0.5}
    assert distance_to_own_pipeline(tiny_sd, MultiDiffusion(), **settings) < 1e-4


def test_the_networks_of_these_laws_mind_what_they_are_asked():
    """So that the identities can fail."""
    x, (one, other) = normal(1, 3, *CANVAS), steps(4)[:2]
    here, there = ([View(top, 0, 16, 16)] for top in (0, 5))
    q = query(CANVAS, one)
    assert distance(network(x, q).x0, network(x, replace(q, step=other)).x0) > 1e-3
    assert distance(network(x, q.at(here)).x0, network(x, q.at(there)).x0) > 1e-3
    assert distance(wordy(x, asked()).x0, wordy(x, replace(asked(), cond=OTHER_WORDS)).x0) > 1e-3
