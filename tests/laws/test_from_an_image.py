"""A picture that starts from an image: where stages start, what holds them, what comes out."""

import dataclasses
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import muralist
from muralist import (
    AccDiffusion,
    BadRequest,
    DemoFusion,
    Finished,
    MultiDiffusion,
    Pixelsmith,
    Request,
    Started,
    Ticked,
)
from muralist.canvas import Size
from muralist.codec import Latents, ModelCodec, Pixels
from muralist.denoisers import CFG
from muralist.models import Toy, card
from muralist.models.blank import Blank
from muralist.planning import plan, work
from muralist.request.target import check_ratio, enlarged_size
from muralist.stage import through_pixels
from tests.laws.parts import METHODS, Watched, distance, events, normal, painted, toy_request
from tests.laws.test_plan import KINDS, Quick, held_by_a_run

every_method = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
quick = settings(max_examples=100, deadline=None, derandomize=True)
sides = st.integers(1, 60)


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Soft blobs."""
    cells = normal(1, 3, height // 6 + 2, width // 6 + 2, seed=seed)
    blobs = torch.nn.functional.interpolate(cells, size=(height, width), mode="bicubic")
    return ((blobs / 6 + 0.5).clamp(0, 1) * 255).byte()[0].permute(1, 2, 0).numpy()


def request(method=None, *, image=None, scale=2, **given) -> Request:
    image = picture(20, 16) if image is None else image
    sizes = {"height": None, "width": None, **given}
    return toy_request(method, image=image, scale=scale, **sizes)


# --- stages ------------------------------------------------------------------------------------


@every_method
@quick
@given(height=sides, width=sides, times=st.fractions(1, 6, max_denominator=8))
def test_stages_grow_from_the_image_to_the_size(method, height, width, times: Fraction):
    start = Size(height, width)
    size = Size(int(height * times), int(width * times))
    stages = list(method.enlarge(CFG(Blank(Size(16, 16)), 7.5), start, size))
    assert stages[-1].size == size
    assert stages[0].begin is through_pixels
    areas = [start.area, *(stage.size.area for stage in stages)]
    longer = [max(start), *(max(stage.size) for stage in stages)]
    assert longer == sorted(longer)
    assert areas[1:] == sorted(set(areas[1:]))


@pytest.mark.parametrize(
    ("method", "start", "expected"),
    [
        (DemoFusion(), 16, [16, 32, 48, 64]),  # as published: native once more, then 2, 3, ...
        (DemoFusion(), 10, [16, 32, 48, 64]),
        (DemoFusion(), 17, [32, 48, 64]),  # what is smaller than the image would lose of it
        (DemoFusion(), 48, [48, 64]),
        (DemoFusion(), 63, [64]),
        (DemoFusion(), 64, [64]),
        (Pixelsmith(), 16, [32, 64]),
        (Pixelsmith(), 10, [16, 32, 64]),  # patches have a native side
        (Pixelsmith(), 40, [64]),
        (Pixelsmith(growth=4), 16, [64]),
        (Pixelsmith(), 64, [64]),
        (MultiDiffusion(), 16, [64]),
        (MultiDiffusion(), 50, [64]),
    ],
)
def test_stages_by_example(method, start, expected):
    stages = method.enlarge(CFG(Blank(Size(16, 16)), 7.5), Size(start, start), Size(64, 64))
    assert [stage.size for stage in stages] == [(side, side) for side in expected]


@pytest.mark.parametrize("method", [DemoFusion(), MultiDiffusion(), AccDiffusion()])
def test_strength_is_the_part_of_the_steps_from_the_end(method):
    toy, image = Toy(), picture(16, 16)
    run = {"scale": 2, "method": method, "num_inference_steps": 10}
    ticks = []
    muralist.paint(toy, "", image=image, strength=0.3, callback=ticks.append, **run)
    (started,) = (event for event in ticks if isinstance(event, Started))
    assert set(started.steps) == {3}
    begun = [event for event in ticks if isinstance(event, Ticked) and event.step == 1]
    whole = toy_request(num_inference_steps=10).schedule.steps
    assert {tick.timestep for tick in begun} == {whole[7].timestep}


def test_a_method_without_strength_is_not_given_one():
    with pytest.raises(BadRequest, match="Pixelsmith has no setting 'strength'"):
        muralist.paint("toy", image=picture(16, 16), method="pixelsmith", strength=0.5)


# --- against others ----------------------------------------------------------------------------


@pytest.mark.parametrize("strength", [0.5, 1.0])
def test_a_native_image_is_painted_as_diffusers_does_image_to_image(tiny_sd, strength):
    """One window that is the whole canvas: nothing is left but image-to-image."""
    from diffusers import StableDiffusionImg2ImgPipeline

    native, pipe = tiny_sd.native, tiny_sd.pipe
    latents = normal(1, 4, *native, dtype=torch.float32)
    theirs = StableDiffusionImg2ImgPipeline(**pipe.components, requires_safety_checker=False)
    theirs.set_progress_bar_config(disable=True)
    expected = theirs(
        prompt="a red cat",
        image=latents,
        strength=strength,
        num_inference_steps=4,
        guidance_scale=5.0,
        generator=torch.Generator().manual_seed(3),
        output_type="latent",
    ).images
    noise = torch.randn(latents.shape, generator=torch.Generator().manual_seed(3))
    ours = muralist.paint(
        tiny_sd,
        "a red cat",
        image=latents,
        scale=1,
        method=MultiDiffusion(strength=strength),
        num_inference_steps=4,
        guidance_scale=5.0,
        noise=lambda purpose, shape: noise,
    )
    assert distance(ours.latents.cpu(), expected.cpu()) < 1e-4


def test_pixels_are_encoded_as_the_mean_of_what_the_encoder_says(tiny_sd):
    pixels = picture(128, 96)
    vae = tiny_sd.pipe.vae
    shown = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 127.5 - 1
    with torch.no_grad():
        expected = vae.encode(shown.to(vae.device)).latent_dist.mean * vae.config.scaling_factor
    ours = Pixels(ModelCodec(tiny_sd), pixels).latents
    torch.testing.assert_close(ours, expected.cpu(), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("cells", [Size(30, 44), Size(17, 13)], ids=str)
def test_the_pixels_of_an_image_are_enlarged_and_not_what_latents_keep_of_them(cells):
    codec, pixels = ModelCodec(Toy()), picture(15, 11)
    expected = Image.fromarray(pixels).resize(cells[::-1], Image.Resampling.LANCZOS)
    larger = through_pixels(Pixels(codec, pixels), cells, codec)
    assert torch.equal(larger, codec.latents(np.array(expected)))


def test_an_image_of_no_whole_cells_is_brought_to_the_nearest(tiny_sd):
    pixels, codec = picture(101, 67), ModelCodec(tiny_sd)
    before = Pixels(codec, pixels)
    assert before.size == Size(13, 8)
    whole = Image.fromarray(pixels).resize((64, 104), Image.Resampling.LANCZOS)
    assert torch.equal(before.latents, codec.latents(np.array(whole)))
    assert torch.equal(through_pixels(before, Size(13, 8), codec), before.latents)


def test_latents_at_their_own_size_do_not_pass_through_pixels():
    class Unreachable:
        def picture(self, latents):
            raise AssertionError("decoded")

    before = Latents(Unreachable(), normal(1, 3, 9, 7))  # pyright: ignore[reportArgumentType]
    assert through_pixels(before, Size(9, 7), before.codec) is before.latents


# --- runs --------------------------------------------------------------------------------------


@every_method
def test_the_picture_keeps_the_composition_of_the_image(method):
    """Its low frequencies are the image's: another image is another picture."""
    image, other = picture(24, 24), picture(24, 24, seed=1)
    seen = painted(request(method, image=image, num_inference_steps=12)).pixels

    def alike(picture: np.ndarray) -> float:
        small = np.asarray(Image.fromarray(seen).resize((8, 8), Image.Resampling.BOX))
        given = np.asarray(Image.fromarray(picture).resize((8, 8), Image.Resampling.BOX))
        return float(np.corrcoef(small.ravel(), given.ravel())[0, 1])

    assert alike(image) > 0.35 and alike(image) > abs(alike(other)) + 0.2


@every_method
def test_the_seed_decides_whatever_the_batch_size(method):
    one, many, other = (
        painted(request(method, batch_size=size, seed=seed)).latents
        for size, seed in ((1, 4), (7, 4), (7, 5))
    )
    assert distance(one, many) < 1e-4
    assert distance(one, other) > 1e-2


@pytest.mark.parametrize("stop", [1, 4, 5, 9])
@pytest.mark.parametrize("method", [DemoFusion(), Pixelsmith(), MultiDiffusion(strength=1.0)])
def test_a_run_that_was_stopped_goes_on(tmp_path, method, stop):
    """DemoFusion needs the image's statistics again at the end of every stage."""
    asked = request(method, image=picture(40, 40))
    whole = painted(asked).latents
    ticks = 0
    run = muralist.generate(asked, job=tmp_path)
    for event in run:
        ticks += isinstance(event, Ticked)
        if ticks == stop:
            run.close()
            break
    *_, last = muralist.generate(request(method, image=picture(40, 40)), job=tmp_path)
    assert isinstance(last, Finished) and torch.equal(last.picture.latents, whole)


def test_every_stage_of_demofusion_has_the_statistics_of_the_image():
    latents = 0.7 * normal(1, 3, 16, 12, dtype=torch.float32) + 0.4
    stages = painted(request(image=latents, scale=3)).stages
    assert len(stages) == 3
    for stage in stages:
        assert stage.latents.mean().item() == pytest.approx(latents.mean().item(), abs=1e-5)
        assert stage.latents.std().item() == pytest.approx(latents.std().item(), abs=1e-5)


def test_noise_is_asked_for_by_the_numbers_of_the_stages_that_are_painted():
    asked = []

    def noise(purpose: str, shape: tuple[int, ...]) -> torch.Tensor:
        asked.append(purpose)
        return normal(*shape)

    painted(request(image=picture(20, 20), scale=2), noise=noise)
    assert asked == ["stage-1", "stage-2"]


def test_accdiffusion_listens_to_an_image_as_large_as_native(tiny_sdxl):
    """And tells windows of a larger one the whole prompt."""
    heard = {}
    for side in (256, 384):
        watched = Watched(tiny_sdxl)
        painted(
            Request(
                model=watched,
                prompt="a red cat, a blue house",
                image=picture(side, side),
                height=384,
                method=AccDiffusion(c=0.8),
                num_inference_steps=1,
                guidance_scale=1.0,
            )
        )
        prompts = {row.tobytes() for q in watched.asked for row in q.cond.embeds.cpu().numpy()}
        heard[side] = len(prompts)
    assert heard[256] > heard[384] == 1


# --- cost --------------------------------------------------------------------------------------


@every_method
def test_a_plan_counts_the_evaluations_of_a_run(method):
    asked = request(method, image=picture(40, 24))
    watched = Watched(asked.model)
    asked = replace(asked, model=watched)
    events(asked)
    assert work(asked).evaluations == sum(watched.rows)


@pytest.mark.parametrize("method", KINDS.values(), ids=KINDS)
def test_canvases_take_what_is_planned(method):
    """The image's latents are kept with the results of earlier stages."""
    asked = request(method, model=Quick(), image=picture(36, 40), scale=2, batch_size=1)
    assert plan(asked).canvases.total == pytest.approx(held_by_a_run(asked), rel=0.15)


# --- sizes -------------------------------------------------------------------------------------

SD = card("sd15")  # native 512x512 pixels, factor 8


@pytest.mark.parametrize(
    ("image", "asked", "pixels"),
    [
        ((512, 512), {}, (2048, 2048)),
        ((256, 512), {}, (1024, 2048)),
        ((300, 400), {}, (1536, 2048)),
        ((3000, 4000), {}, (6000, 8000)),  # twice at least
        ((1, 1), {}, (2048, 2048)),
        ((333, 500), {"scale": 1.5}, (496, 752)),  # 499.5x750, to multiples of 8
        ((333, 500), {"scale": 1}, (336, 496)),
        ((333, 500), {"width": 1000}, (664, 1000)),
        ((333, 500), {"height": 666}, (664, 1000)),
        ((333, 500), {"height": 666, "width": 1000}, (664, 1000)),
        ((333, 500), {"height": 1332, "width": 2000}, (1328, 2000)),
    ],
)
def test_sizes_by_example(image, asked, pixels):
    asked = {"height": None, "width": None, "scale": None, **asked}
    assert enlarged_size(SD, Size(*image), **asked).times(8) == pixels


@quick
@given(
    image=st.builds(Size, st.integers(1, 3000), st.integers(1, 3000)),
    scale=st.floats(1, 16),
)
def test_a_size_is_never_more_than_half_a_cell_from_what_was_asked(image, scale):
    size = enlarged_size(SD, image, None, None, scale).times(8)
    for ours, given_ in zip(size, image, strict=True):
        assert abs(ours - given_ * scale) <= 4 or ours == 8
    check_ratio(SD, image, *size)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"scale": 0}, "at least 1"),
        ({"scale": -2}, "at least 1"),
        ({"scale": float("nan")}, "at least 1"),
        ({"scale": float("inf")}, "at least 1"),
        ({"scale": 0.99}, "at least 1"),
        ({"scale": 1e9}, "52428.8 times are possible"),
        ({"scale": 2, "height": 40}, "give one of them"),
        ({"height": 10}, "smaller than its image of 16x20"),
        ({"height": 40, "width": 40}, "40x50 or 32x40 has the same"),
        ({"image": 3}, "of type int"),
        ({"image": np.zeros((4, 4), np.uint8)}, "shape 4 4"),
        ({"image": torch.zeros(1, 4, 8, 8)}, "1 3 and two sides"),
        ({"image": torch.zeros(2, 3, 8, 8)}, "1 3 and two sides"),
        ({"image": torch.zeros(3, 8, 8)}, "1 3 and two sides"),
        ({"image": torch.full((1, 3, 8, 8), float("nan"))}, "latents in which there are NaN"),
        ({"image": "nowhere.png"}, "nowhere.png is no file"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(given, said):
    given = {"scale": None, "image": picture(20, 16), **given}
    with pytest.raises(BadRequest, match=said):
        request(**given)


def test_a_scale_needs_an_image_and_noise_goes_without():
    with pytest.raises(BadRequest, match="no image"):
        toy_request(scale=2)
    with pytest.raises(BadRequest, match="replaces an image"):
        muralist.generate(request(), latents=torch.zeros(1, 3, 16, 16))


def test_a_method_that_cannot_start_from_an_image_says_so():
    @dataclasses.dataclass(frozen=True)
    class Mine:
        def stages(self, model, size):
            return DemoFusion().stages(model, size)

    assert toy_request(Mine()).size == Size(40, 40)
    with pytest.raises(BadRequest, match="Mine cannot start from an image"):
        request(Mine())


# --- what is written down ----------------------------------------------------------------------


def test_a_request_with_an_image_is_written_and_read(tmp_path):
    Image.fromarray(picture(20, 16)).save(tmp_path / "a.png")
    asked = replace(request(image=tmp_path / "a.png", scale=2.5), model="toy")
    again = Request.from_json(asked.to_json())
    assert again.to_json() == asked.to_json() and again.size == asked.size == Size(50, 40)
    assert torch.equal(painted(again).latents, painted(asked).latents)


def test_the_job_of_another_image_is_refused(tmp_path):
    events(request(image=picture(20, 16)), job=tmp_path)
    with pytest.raises(BadRequest, match="other image"):
        muralist.generate(request(image=picture(20, 16, seed=1)), job=tmp_path)
    latents = [normal(1, 3, 20, 16, seed=seed, dtype=torch.float32) for seed in (0, 1)]
    events(request(image=latents[0]), job=tmp_path / "latents")
    events(request(image=latents[0].clone()), job=tmp_path / "latents")
    with pytest.raises(BadRequest, match="other image"):
        muralist.generate(request(image=latents[1]), job=tmp_path / "latents")


def test_an_image_is_read_once_for_many_prompts(tmp_path, monkeypatch):
    from muralist import photo

    Image.fromarray(picture(20, 16)).save(tmp_path / "a.png")
    reads, read = [], photo._read
    monkeypatch.setattr(photo, "_read", lambda path: reads.append(path) or read(path))
    pictures = muralist.paint(
        "toy", ["a", "b", "c"], image=tmp_path / "a.png", scale=1, num_inference_steps=1
    )
    assert len(pictures) == 3 and len(reads) == 1
