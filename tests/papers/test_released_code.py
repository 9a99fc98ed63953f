"""Our expressions against recordings of the published implementations (float32, tiny weights).

`fixsigma` recordings are the release with its stale scheduler index corrected. Windows, noise and
prompts are the recorded ones; what is compared is every recorded canvas.
"""

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

import muralist
from muralist import DemoFusion, MultiDiffusion, Request, StageDone, Ticked
from muralist.canvas import View
from muralist.models.prompt import Prompt
from muralist.query import Cond, Query
from tests import replay

PROMPT = "a red cat and a corgi on the lawn, old house, sunset"
NEGATIVE = "blurry, ugly"
PAD = 4  # the release's frame around the canvas: (window 32 - stride 16) // 4


def error(ours: Tensor, recorded: Tensor) -> float:
    """The largest difference, in standard deviations of the recording."""
    return float((ours.cpu() - recorded).abs().max() / recorded.std())


def recorded_noise(record: Mapping[str, Tensor]) -> dict[str, Tensor]:
    stages = {
        f"stage-{key[1]}": record[key] for key in record if key.endswith("_noise") and key[0] == "s"
    }
    return {"base": record["init_noise"], **stages} if "init_noise" in record else stages


def recorded_views(record: Mapping[str, Tensor], pad: int):
    def views(q: Query) -> list[View]:
        boxes = record[f"s{q.stage}_views"][q.step.index].tolist()
        return [
            View(top - pad, left - pad, bottom - top, right - left)
            for top, bottom, left, right in boxes
        ]

    return views


def run(model, record, pad: int, method: DemoFusion, **settings):
    """Paints as recorded, and gives the errors by name."""
    request = Request(
        model=model,
        prompt=PROMPT,
        negative_prompt=NEGATIVE,
        method=replay.Replayed(method, recorded_views(record, pad)),
        num_inference_steps=6,
        guidance_scale=7.5,
        **settings,
    )
    noise = replay.noise(recorded_noise(record))
    errors = {}
    for event in muralist.generate(request, noise=noise):
        if isinstance(event, Ticked) and f"s{event.stage}_noise" in record:
            key = f"s{event.stage}_step{event.step - 1:02d}_latents"
            errors[key] = error(in_release_units(event, model), record[key])
        if isinstance(event, StageDone):
            held = f"s{event.stage}_noise" in record
            key = f"s{event.stage}_final_latents" if held else "phase1_latents"
            errors[key] = error(event.result.latents, record[key])
    return errors


def in_release_units(event: Ticked, model) -> Tensor:
    """Latents as the release's Euler scheduler scales them: x / alpha (DDIM's are as ours)."""
    from muralist.solvers.schedule import schedule

    step = schedule(model.card.scheduler, event.steps).steps[event.step - 1]
    euler = model.card.scheduler["_class_name"].startswith("Euler")
    return event.latents / (step.alpha_next if euler else 1.0)


@pytest.mark.parametrize(
    ("name", "pad", "settings"),
    [
        ("demofusion_s2_fixsigma", PAD, {"height": 512, "width": 512}),
        ("demofusion_s3_2to1_fixsigma", PAD, {"height": 384, "width": 768}),
        ("demofusion_s2_fixsigma_zerojitter", PAD, {"height": 512, "width": 512}),
        (
            "demofusion_s2_fixsigma_rescale07",
            PAD,
            {"height": 512, "width": 512, "guidance_rescale": 0.7},
        ),
    ],
)
def test_demofusion_equals_the_release_with_its_padded_crop_ids(
    tiny_sdxl, golden, name, pad, settings
):
    errors = run(tiny_sdxl, golden(name), pad, DemoFusion(crop_ids="padded"), **settings)
    assert len(errors) >= 8
    assert max(errors.values()) < 1e-4, errors


def test_demofusion_from_an_image_equals_the_release(tiny_sdxl, golden):
    """Both stages start from a picture: the first from the image's latents at their own size."""
    record = golden("demofusion_img2img_s2_fixsigma")
    errors = run(
        tiny_sdxl,
        record,
        PAD,
        DemoFusion(crop_ids="padded", overhang=True),
        image=record["phase1_latents"],
        scale=2,
    )
    assert len(errors) == 2 * (6 + 1)
    assert max(errors.values()) < 1e-4, errors


def test_demofusion_equals_the_release_without_its_frame_by_default(tiny_sdxl, golden):
    record = golden("demofusion_s2_fixsigma_nojitter_nopad")
    errors = run(tiny_sdxl, record, 0, DemoFusion(), height=512, width=512)
    assert max(errors.values()) < 1e-4, errors


def test_demofusion_without_jitter_needs_no_replayed_views(tiny_sdxl, golden):
    record = golden("demofusion_s2_fixsigma_zerojitter")
    picture = muralist.paint(
        tiny_sdxl,
        PROMPT,
        negative_prompt=NEGATIVE,
        height=512,
        width=512,
        method=DemoFusion(jitter=0, crop_ids="padded"),
        num_inference_steps=6,
        guidance_scale=7.5,
        noise=replay.noise(recorded_noise(record)),
    )
    assert error(picture.stages[0].latents, record["phase1_latents"]) < 1e-4
    assert error(picture.stages[1].latents, record["s2_final_latents"]) < 1e-4


def test_demofusion_equals_the_release_under_ddim(tiny_sdxl, golden):
    from diffusers import DDIMScheduler, StableDiffusionXLPipeline

    pipe = StableDiffusionXLPipeline(**{**tiny_sdxl.pipe.components})
    pipe.scheduler = DDIMScheduler.from_config(
        pipe.scheduler.config, clip_sample=False, set_alpha_to_one=False
    )
    record = golden("demofusion_s2_ddim")
    errors = run(
        muralist.wrap(pipe), record, PAD, DemoFusion(crop_ids="padded"), height=512, width=512
    )
    assert max(errors.values()) < 1e-4, errors


def test_the_crop_ids_of_the_release_make_a_difference(tiny_sdxl, golden):
    """So that the comparisons above can fail: true coordinates miss the recording by 0.018."""
    errors = run(
        tiny_sdxl, golden("demofusion_s2_fixsigma"), PAD, DemoFusion(), height=512, width=512
    )
    assert errors["s2_final_latents"] > 5e-3


def test_encoded_prompts_equal_the_recorded_ones(tiny_sdxl, golden):
    record = golden("demofusion_s2_fixsigma")
    cond, negative = tiny_sdxl.encode(Prompt(prompt=PROMPT, negative_prompt=NEGATIVE))
    for ours, name in (
        (cond.embeds, "prompt_embeds"),
        (cond.pooled, "pooled"),
        (negative.embeds, "negative_prompt_embeds"),
        (negative.pooled, "negative_pooled"),
    ):
        torch.testing.assert_close(ours.cpu(), record[name], atol=1e-5, rtol=1e-5)


def test_multidiffusion_equals_the_release_at_every_step(tiny_sd, golden):
    record = golden("multidiffusion_pano_small2d")
    request = Request(
        model=tiny_sd,
        prompt="a photo of the dolomites",
        negative_prompt="bad",
        height=256,
        width=384,
        method=MultiDiffusion(window=16, stride=8),
        num_inference_steps=8,
        guidance_scale=7.5,
    )
    noise = replay.noise({"base": record["init_latent"]})
    ticks = [e for e in muralist.generate(request, noise=noise) if isinstance(e, Ticked)]
    errors = [
        error(tick.latents, record["latent_after_step"][tick.step - 1][None]) for tick in ticks
    ]
    assert len(errors) == 8
    assert max(errors) < 1e-5, errors


def test_recorded_prompt_of_multidiffusion_is_encoded_alike(tiny_sd, golden):
    negative, cond = golden("multidiffusion_pano_small2d")["text_embeds"].split(1)
    ours, ours_negative = tiny_sd.encode(
        Prompt(prompt="a photo of the dolomites", negative_prompt="bad")
    )
    assert isinstance(ours, Cond)
    torch.testing.assert_close(ours.embeds.cpu(), cond, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(ours_negative.embeds.cpu(), negative, atol=1e-5, rtol=1e-5)
