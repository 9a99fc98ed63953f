"""Our expressions against plain loops written from the papers' equations (float32, tiny weights).

Windows are drawn by the library, jitter and all; what is compared is the result of every stage.
"""

import pytest
import torch
from benchmarks.twin import drawn, twin
from diffusers import DDIMScheduler, EulerDiscreteScheduler

import muralist
from muralist import DemoFusion, MultiDiffusion, Request, StageDone

PROMPT = "a red cat and a corgi on the lawn"
STEPS = 3
# In standard deviations. Noise changed in its last binary digit moves these pictures by 3e-5, and
# by 1e-4 where the network's outputs, random as they are, are read as velocities.
TOLERANCE = {"epsilon": 1e-4, "v_prediction": 5e-4}

SCHEDULERS = {"euler": EulerDiscreteScheduler, "ddim": DDIMScheduler}


@pytest.fixture(autouse=True)
def exact_convolutions():
    """On a GPU float32 means float32: TF32 would hide what is compared."""
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        yield


@pytest.fixture
def model_like_sd21(tiny_sd):
    """The tiny SD's classes with a network like SD 2.1's, of velocity, from pure noise."""
    from diffusers import StableDiffusionPipeline, UNet2DConditionModel

    parts, changes = (
        dict(tiny_sd.pipe.components),
        {"sample_size": 16, "use_linear_projection": True},
    )
    torch.manual_seed(6)
    parts["unet"] = UNet2DConditionModel.from_config({**parts["unet"].config, **changes})
    parts["scheduler"] = DDIMScheduler.from_config(
        parts["scheduler"].config,
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
        timestep_spacing="trailing",
    )
    return muralist.wrap(
        StableDiffusionPipeline(**parts, requires_safety_checker=False).to(tiny_sd.device)
    )


@pytest.fixture
def model_of(tiny_sdxl):
    """The tiny model under another scheduler, or trained on another target."""

    def make(name: str = "euler", prediction: str = "epsilon") -> muralist.Model:
        from diffusers import StableDiffusionXLPipeline

        pipe = StableDiffusionXLPipeline(**tiny_sdxl.pipe.components)
        pipe.scheduler = SCHEDULERS[name].from_config(
            {**pipe.scheduler.config, "prediction_type": prediction, "clip_sample": False}
        )
        return muralist.wrap(pipe)

    return make


def asked(model, height: int, width: int, method, **settings) -> Request:
    return Request(
        model=model,
        prompt=PROMPT,
        negative_prompt="blurry",
        height=height,
        width=width,
        method=method,
        num_inference_steps=STEPS,
        guidance_scale=5.0,
        seed=7,
        **settings,
    )


def compare(request: Request) -> tuple[list[float], int, int]:
    """Each stage's largest difference in standard deviations; evaluations, ours and the loop's."""
    noise, rows = drawn(11), []
    hook = request.model.pipe.unet.register_forward_pre_hook(
        lambda _, inputs: rows.append(len(inputs[0]))
    )
    try:
        ours = [
            event.result.latents
            for event in muralist.generate(request, noise=noise)
            if isinstance(event, StageDone)
        ]
    finally:
        hook.remove()
    network, loop = twin(request, request.model.pipe, noise)
    theirs = list(loop)
    errors = [float((a - b).abs().max() / b.std()) for a, b in zip(ours, theirs, strict=True)]
    return errors, sum(rows) // 2, network.evaluations


@pytest.mark.parametrize(
    ("height", "width", "stages", "evaluations"),
    [
        pytest.param(512, 512, 2, 14, id="square"),
        pytest.param(384, 768, 3, 1 + (3 + 4) + (10 + 9), id="2to1"),
        pytest.param(400, 328, 2, 1 + (6 + 4), id="odd"),
        pytest.param(616, 440, 3, 1 + (3 * 2 + 4) + (4 * 3 + 9), id="odd-3"),
        pytest.param(1024, 256, 4, 1 + (3 + 4) + (5 + 9) + (7 + 16), id="narrow"),
    ],
)
def test_demofusion_equals_the_plain_loop_at_every_stage(
    tiny_sdxl, height, width, stages, evaluations
):
    request = asked(tiny_sdxl, height, width, DemoFusion())
    errors, ours, plain = compare(request)
    assert len(errors) == stages
    assert max(errors) < TOLERANCE["epsilon"], errors
    assert ours == plain == STEPS * evaluations


@pytest.mark.parametrize(
    "settings",
    [
        {"crop_ids": "padded"},
        {"jitter": 0},
        {"overhang": True},
        {"window": 24, "stride": 8},
        {"cosine_scale_1": 2.0, "cosine_scale_2": 0.5, "cosine_scale_3": 1.5, "sigma": 1.3},
    ],
    ids=str,
)
def test_demofusion_equals_the_plain_loop_with_other_settings(tiny_sdxl, settings):
    errors, ours, plain = compare(asked(tiny_sdxl, 400, 328, DemoFusion(**settings)))
    assert max(errors) < TOLERANCE["epsilon"], errors
    assert ours == plain


@pytest.mark.parametrize("scheduler", SCHEDULERS)
@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_demofusion_equals_the_plain_loop_under_every_scheduler(model_of, scheduler, prediction):
    errors, ours, plain = compare(asked(model_of(scheduler, prediction), 400, 328, DemoFusion()))
    assert max(errors) < TOLERANCE[prediction], errors
    assert ours == plain


@pytest.mark.parametrize("scheduler", SCHEDULERS)
@pytest.mark.parametrize(("height", "width", "views"), [(512, 512, 9), (400, 328, 6)])
def test_multidiffusion_equals_the_plain_loop(model_of, scheduler, height, width, views):
    errors, ours, plain = compare(asked(model_of(scheduler), height, width, MultiDiffusion()))
    assert len(errors) == 1
    assert max(errors) < TOLERANCE["epsilon"], errors
    assert ours == plain == STEPS * views


def test_multidiffusion_equals_the_plain_loop_without_size_ids(tiny_sd):
    errors, ours, plain = compare(asked(tiny_sd, 400, 328, MultiDiffusion(window=16, stride=8)))
    assert max(errors) < TOLERANCE["epsilon"], errors
    assert ours == plain


@pytest.mark.parametrize("method", [DemoFusion(), MultiDiffusion()], ids=["DemoFusion", "windows"])
def test_stable_diffusion_2_equals_the_plain_loop_from_pure_noise(model_like_sd21, method):
    errors, ours, plain = compare(asked(model_like_sd21, 256, 200, method))
    assert max(errors) < TOLERANCE["v_prediction"], errors
    assert ours == plain


def test_the_plain_loop_sees_the_jitter(tiny_sdxl):
    """So that the comparisons above can fail: other windows make other pictures."""
    request = asked(tiny_sdxl, 512, 512, DemoFusion())
    noise = drawn(11)
    _, here = twin(request, tiny_sdxl.pipe, noise)
    _, there = twin(asked(tiny_sdxl, 512, 512, DemoFusion(jitter=0)), tiny_sdxl.pipe, noise)
    (first, one), (second, other) = here, there
    assert torch.equal(first, second)
    assert (one - other).abs().max() > 100 * TOLERANCE["epsilon"] * one.std()
