"""The outer loop: what it says, what it asks noise for, how it stops."""

import warnings

import pytest
import torch
import torch.nn.functional as F

import muralist
from muralist import (
    BadRequest,
    DemoFusion,
    Finished,
    NotFinite,
    PromptTooLong,
    StageBegun,
    StageDone,
    Started,
    Ticked,
    TileDone,
)
from muralist.canvas import Size
from muralist.models import Toy
from muralist.models.prompt import Prompt
from muralist.stage import progression
from tests.laws.parts import (
    METHODS,
    TOY,
    Watched,
    events,
    normal,
    painted,
    poisoned,
    toy_request,
)

EVERY_METHOD = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)


@EVERY_METHOD
def test_events_come_in_order(method):
    told = events(toy_request(method))
    started, *rest = told
    assert isinstance(started, Started)
    expected = []
    for steps in started.steps:
        expected += [StageBegun, *[Ticked] * steps, StageDone]
    assert [type(event) for event in rest] == [*expected, TileDone, Finished]


@EVERY_METHOD
def test_ticks_count_their_stage_and_steps(method):
    request = toy_request(method)
    started, *rest = events(request)
    ticks = [event for event in rest if isinstance(event, Ticked)]
    expected = [
        (stage, number, count, step.timestep)
        for stage, count in enumerate(started.steps, start=1)
        for number, step in enumerate(request.schedule.steps[4 - count :], start=1)
    ]
    assert [(tick.stage, tick.step, tick.steps, tick.timestep) for tick in ticks] == expected
    for tick in ticks:
        shape = (1, 3, *started.sizes[tick.stage - 1])
        assert tick.latents.shape == tick.x0.shape == shape


@EVERY_METHOD
def test_a_stage_ends_with_what_its_last_tick_led_to(method):
    told = events(toy_request(method, height=16, width=16))
    (last,) = [event for event in told if isinstance(event, Ticked)][-1:]
    (done,) = [event for event in told if isinstance(event, StageDone)]
    assert torch.equal(done.result.latents, last.latents)


def test_what_was_told_is_not_written_over_later():
    """A consumer may keep every event: tensors in them stay as they were."""
    kept, copies = [], []
    for event in muralist.generate(toy_request(height=48, width=32)):
        if isinstance(event, Ticked):
            kept += [event.latents, event.x0]
            copies += [event.latents.clone(), event.x0.clone()]
    assert all(torch.equal(*pair) for pair in zip(kept, copies, strict=True))


def test_the_sizes_of_the_stages_are_those_of_the_progression():
    picture = painted(toy_request(height=40, width=24))
    assert [stage.size for stage in picture.stages] == progression(Size(16, 16), Size(40, 24))
    assert [stage.stage for stage in picture.stages] == [1, 2, 3]
    for stage in picture.stages:
        assert stage.latents.shape == (1, 3, *stage.size)
        assert stage.image.size == (stage.size.width, stage.size.height)


def test_the_picture_is_its_last_stage():
    picture = painted(toy_request())
    assert picture.latents is picture.stages[-1].latents
    assert picture.image is picture.stages[-1].image
    assert picture.latents.dtype == torch.float32


@EVERY_METHOD
def test_the_callback_gets_what_generate_says(method):
    told = []
    settings = {"height": 40, "width": 40, "num_inference_steps": 4}
    picture = muralist.paint(TOY, "", method=method, callback=told.append, **settings)
    expected = events(toy_request(method))
    assert [type(event) for event in told] == [type(event) for event in expected]
    assert told[-1].picture is picture
    assert torch.equal(picture.latents, expected[-1].picture.latents)


def test_closing_the_iterator_cancels():
    watched = Watched(Toy())
    told = muralist.generate(toy_request(model=watched))
    for event in told:
        if isinstance(event, Ticked) and event.step == 2:
            break
    asked = len(watched.rows)
    told.close()
    assert list(told) == []
    assert len(watched.rows) == asked == 2
    assert not watched.decoded


def test_nothing_happens_before_the_first_event_is_asked_for():
    watched = Watched(Toy())
    told = muralist.generate(toy_request(model=watched))
    assert not watched.encoded
    next(told)
    assert watched.encoded and not watched.rows


def test_an_error_in_the_callback_stops_the_run():
    watched = Watched(Toy())

    def stop(event):
        if isinstance(event, Ticked):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        muralist.paint(watched, "", height=16, width=16, num_inference_steps=4, callback=stop)
    assert watched.rows == [1]


def test_gradients_are_off_while_it_paints_and_on_for_who_listens():
    modes = []

    def note(estimate, q):
        modes.append(torch.is_grad_enabled())
        return estimate

    for _ in muralist.generate(toy_request(model=Watched(Toy(), amend=note), height=24, width=24)):
        assert torch.is_grad_enabled()
    assert not any(modes)


@pytest.mark.parametrize(("stage", "step"), [(1, 1), (1, 4), (2, 3), (3, 1)])
def test_a_picture_that_turns_into_nan_is_an_error_that_names_stage_and_step(stage, step):
    watched = Watched(Toy(), amend=poisoned(stage, step))
    with pytest.raises(NotFinite, match=f"stage {stage} turned into NaN at step {step} of 4"):
        painted(toy_request(model=watched))
    assert watched.asked[-1].step.index == step - 1


def test_a_single_cell_of_nan_is_enough():
    def spoil(estimate, q):
        x0 = estimate.x0.clone()
        x0[0, 0, 0, 0] = float("nan")
        return type(estimate)(estimate.x, x0)

    with pytest.raises(NotFinite, match="stage 1 turned into NaN at step 1 of 4"):
        painted(toy_request(model=Watched(Toy(), amend=spoil)))


def test_infinity_is_an_error_as_well():
    def explode(estimate, q):
        return type(estimate)(estimate.x, estimate.x0 * float("inf"))

    with pytest.raises(NotFinite, match=r"stage 1 .* step 1 of 4.*bfloat16 or float32"):
        painted(toy_request(model=Watched(Toy(), amend=explode)))


# --- noise and latents -------------------------------------------------------------------------


def recording(asked: list):
    def answer(purpose: str, shape: tuple[int, ...]) -> torch.Tensor:
        asked.append((purpose, shape))
        return normal(*shape, seed=len(asked), dtype=torch.float32)

    return answer


@EVERY_METHOD
def test_noise_is_asked_for_once_a_stage(method):
    asked = []
    started, *_ = events(toy_request(method), noise=recording(asked))
    purposes = ["base", "stage-2", "stage-3"][: len(started.sizes)]
    shapes = [(1, 3, *size) for size in started.sizes]
    assert asked == list(zip(purposes, shapes, strict=True))


def test_noise_that_is_given_decides_the_picture():
    one, other = (
        painted(toy_request(DemoFusion(jitter=0), seed=seed), noise=recording([]))
        for seed in (1, 2)
    )
    assert torch.equal(one.latents, other.latents)
    drawn = painted(toy_request(DemoFusion(jitter=0), seed=1))
    assert not torch.equal(one.latents, drawn.latents)


def test_latents_are_the_noise_of_the_base_alone():
    start = normal(1, 3, 16, 16, dtype=torch.float32)
    asked = []

    def base_alone(purpose, shape):
        asked.append(purpose)
        return start if purpose == "base" else normal(*shape, seed=9, dtype=torch.float32)

    def no_base(purpose, shape):
        assert purpose != "base"
        return base_alone(purpose, shape)

    one = painted(toy_request(height=32, width=32), noise=base_alone)
    other = painted(toy_request(height=32, width=32), noise=no_base, latents=start)
    assert torch.equal(one.latents, other.latents)


def test_latents_leave_the_noise_of_later_stages_to_the_seed():
    start = normal(1, 3, 16, 16, dtype=torch.float32)
    one, other = (
        painted(toy_request(height=32, width=32, seed=seed), latents=start) for seed in (1, 2)
    )
    assert torch.equal(one.stages[0].latents, other.stages[0].latents)
    assert not torch.equal(one.latents, other.latents)


def test_a_run_does_not_write_into_the_latents_it_was_given():
    start = normal(1, 3, 16, 16, dtype=torch.float32)
    before = start.clone()
    painted(toy_request(), latents=start)
    assert torch.equal(start, before)


@pytest.mark.parametrize("shape", [(1, 3, 40, 40), (3, 16, 16), (2, 3, 16, 16), (1, 4, 16, 16)])
def test_latents_of_another_shape_are_refused(shape):
    with pytest.raises(BadRequest, match=r"latents have shape \(.*\); \(1, 3, 16, 16\) is"):
        muralist.generate(toy_request(), latents=torch.zeros(shape))


def test_several_prompts_take_a_row_of_latents_each():
    rows = normal(2, 3, 16, 16, dtype=torch.float32)
    settings = {"height": 16, "width": 16, "num_inference_steps": 2}
    pictures = muralist.paint(Toy(), ["", ""], latents=rows, **settings)
    for row, picture in zip(rows.split(1), pictures, strict=True):
        alone = muralist.paint(Toy(), "", latents=row, **settings)
        assert torch.equal(picture.latents, alone.latents)
    with pytest.raises(BadRequest, match="there are 3 prompts and 2 rows of latents"):
        muralist.paint(Toy(), ["", "", ""], latents=rows, **settings)


def test_a_picture_of_given_noise_says_that_its_settings_do_not_paint_it():
    start = normal(1, 3, 16, 16, dtype=torch.float32)
    picture = painted(toy_request(model="toy", height=16, width=16), latents=start)
    assert picture.settings["noise"] == "given"
    with pytest.raises(BadRequest, match="painted from noise that its settings do not hold"):
        muralist.Request.from_json(picture.settings)


def test_noise_of_another_shape_is_refused():
    def wrong(purpose, shape):
        return torch.zeros(shape if purpose == "base" else (1, 1, 1, 1))

    with pytest.raises(BadRequest, match=r"noise for stage-2 have shape \(1, 1, 1, 1\)"):
        painted(toy_request(), noise=wrong)


@pytest.mark.parametrize("strength", [1.0, 0.5])
def test_later_stages_start_from_the_enlarged_last_result_with_noise(strength):
    """The first tick is a DDIM step from there: no residual moves x before it."""
    noise = {"base": normal(1, 3, 16, 16, dtype=torch.float32)}
    noise["stage-2"] = normal(1, 3, 32, 32, seed=2, dtype=torch.float32)
    request = toy_request(DemoFusion(cosine_scale_1=1e9, strength=strength), height=32, width=32)
    told = events(request, noise=lambda purpose, shape: noise[purpose])
    first = next(event.result.latents for event in told if isinstance(event, StageDone))
    tick = next(event for event in told if isinstance(event, Ticked) and event.stage == 2)

    step = request.schedule.entered(strength).steps[0]
    larger = F.interpolate(first, size=(32, 32), mode="bicubic", align_corners=False)
    start = step.alpha * larger + step.sigma * noise["stage-2"]
    led = (start - step.alpha * tick.x0) / step.sigma
    expected = step.alpha_next * tick.x0 + step.sigma_next * led
    torch.testing.assert_close(tick.latents, expected, rtol=1e-4, atol=1e-4)


# --- words -------------------------------------------------------------------------------------


def told_as_left_out(model, prompt: str, negative_prompt: str | None = None) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", PromptTooLong)
        request = toy_request(
            model=model,
            prompt=prompt,
            negative_prompt=negative_prompt,
            height=256,
            width=256,
            num_inference_steps=1,
        )
        painted(request)
    return [str(each.message) for each in caught if each.category is PromptTooLong]


def test_words_that_do_not_fit_are_named(tiny_sdxl):
    prompt = "a red cat on the lawn, " * 20 + "sunset"
    (message,) = told_as_left_out(tiny_sdxl, prompt)
    assert message.startswith("the prompt is too long; left out: ")
    assert message.endswith(" sunset")
    assert len(message) < len(prompt)


def test_a_negative_prompt_that_does_not_fit_is_told_as_well(tiny_sdxl):
    (message,) = told_as_left_out(tiny_sdxl, "a cat", "blurry " * 90 + "mosaic")
    assert message.endswith("blurry mosaic")


def test_a_prompt_that_fits_is_passed_over_in_silence(tiny_sdxl):
    assert told_as_left_out(tiny_sdxl, "a red cat", "blurry") == []


def test_the_words_left_out_make_no_difference(tiny_sdxl):
    """77 tokens with start and end: what is told as dropped is what was dropped."""
    prompt = "a red cat on the lawn, " * 20
    dropped = tiny_sdxl.dropped(Prompt(prompt=prompt))
    assert dropped.keys() == {"prompt"} and dropped["prompt"]
    for word in ("dog", "house"):
        longer, _ = tiny_sdxl.encode(Prompt(prompt=prompt + word))
        given, _ = tiny_sdxl.encode(Prompt(prompt=prompt))
        assert torch.equal(longer.embeds, given.embeds)
    assert tiny_sdxl.dropped(Prompt(prompt="a red cat")) == {}
    assert tiny_sdxl.dropped(Prompt(prompt="")) == {}
