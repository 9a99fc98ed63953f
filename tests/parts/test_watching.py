"""Readers of events: they say what diffusers' pipelines say, and are silent where those are."""

import diffusers.utils.logging
import pytest
import torch

import muralist
from muralist.errors import BadRequest
from muralist.planning import work
from muralist.watching import bar


@pytest.fixture(autouse=True)
def _with_bars():
    """Commands and workers put them off, in the process of the tests too."""
    diffusers.utils.logging.enable_progress_bar()
    yield
    diffusers.utils.logging.disable_progress_bar()


SMALL = {"height": 32, "width": 32, "num_inference_steps": 3, "seed": 1}


def test_the_callback_hears_what_a_pipeline_of_diffusers_says(tiny_sdxl):
    """At native size both take the same steps, from the same noise."""
    pipe, heard, said = tiny_sdxl.pipe, [], []

    def listen(to):
        def on_step_end(pipe, step, timestep, told):
            to.append((pipe, step, int(timestep), told["latents"].clone()))
            return told

        return on_step_end

    noise = torch.randn(1, 4, 32, 32, generator=torch.Generator().manual_seed(0))
    native = {"height": 256, "width": 256, "num_inference_steps": 4, "guidance_scale": 3.0}
    muralist.paint(
        tiny_sdxl,
        "a cat",
        **native,
        method="multidiffusion",
        latents=noise,
        callback_on_step_end=listen(heard),
        progress=False,
    )
    pipe.set_progress_bar_config(disable=True)
    pipe("a cat", **native, latents=noise, output_type="latent", callback_on_step_end=listen(said))
    assert [one[:3] for one in heard] == [one[:3] for one in said]
    for one, other, sigma in zip(heard, said, pipe.scheduler.sigmas[1:], strict=True):
        same = other[3] / (1 + sigma**2) ** 0.5  # theirs are x / alpha, ours keep the variance
        torch.testing.assert_close(one[3], same, rtol=0, atol=2e-4)


def test_steps_are_counted_through_all_stages():
    steps = []
    muralist.paint(
        "toy",
        "",
        **SMALL,
        callback_on_step_end=lambda _, step, __, told: steps.append((step, told["latents"].shape)),
    )
    assert [step for step, _ in steps] == list(range(6))
    assert [tuple(shape) for _, shape in steps] == [(1, 3, 16, 16)] * 3 + [(1, 3, 32, 32)] * 3


def test_latents_are_to_look_at():
    with pytest.raises(BadRequest, match="other latents"):
        muralist.paint(
            "toy",
            "",
            **SMALL,
            callback_on_step_end=lambda *told: {"latents": told[3]["latents"] * 2},
        )


def test_the_bar_ends_where_the_work_does_also_when_taken_up(capsys, tmp_path):
    """Evaluations: a first stage of one view, a second of nine windows and four subsamplings."""
    asked = muralist.Request(model="toy", **SMALL)
    assert work(asked).evaluations == 3 * (1 + 9 + 4)
    for _ in range(2):
        for event in muralist.generate(asked, job=tmp_path / "job"):
            if isinstance(event, muralist.Ticked) and (event.stage, event.step) == (2, 2):
                break
    with bar(work(asked)) as advance:
        events = muralist.generate(asked, job=tmp_path / "job")
        resumed = [event for event in events if not advance(event)]
    assert any(isinstance(event, muralist.Resumed) for event in resumed)
    assert "42/42" in capsys.readouterr().err


def test_the_bar_is_silent_where_those_of_diffusers_are(capsys):
    diffusers.utils.logging.disable_progress_bar()
    muralist.paint("toy", "", **SMALL)
    assert not capsys.readouterr().err


def test_the_bar_is_silent_if_told_so(capsys, tiny_sdxl):
    muralist.paint("toy", "", **SMALL)
    assert "42/42" in capsys.readouterr().err
    muralist.paint("toy", "", **SMALL, progress=False)
    tiny_sdxl.pipe.set_progress_bar_config(disable=True)
    muralist.paint(tiny_sdxl, "", height=256, width=256, num_inference_steps=1)
    assert not capsys.readouterr().err
    tiny_sdxl.pipe.set_progress_bar_config()


def test_an_unknown_argument_is_named_with_the_nearest_one():
    with pytest.raises(TypeError, match="'heigth'; did you mean height"):
        muralist.paint("toy", "", heigth=32)
