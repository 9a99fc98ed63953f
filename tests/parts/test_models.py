"""Models as denoisers: what is known before loading, what the network is told, what is refused."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import muralist
from muralist import BadRequest, DemoFusion, ModelNotFound, MultiDiffusion, UnsupportedModel
from muralist.canvas import Size, View
from muralist.models import ALIASES, Card, Toy, card
from muralist.models.prompt import Prompt
from muralist.models.sdxl import size_and_crop_ids
from muralist.query import Cond
from tests.laws.parts import distance, normal, painted, query, toy_request

DATA = Path(__file__).parent.parent / "data"


# --- before loading ----------------------------------------------------------------------------


def test_the_card_of_a_folder_is_read_without_loading_it():
    facts = card(str(DATA / "tiny-sdxl"))
    assert facts.pipeline == "StableDiffusionXLPipeline"
    assert (facts.native, facts.factor, facts.channels) == ((32, 32), 8, 4)
    assert facts.scheduler["_class_name"] == "EulerDiscreteScheduler"
    assert facts.decoder_width == 8
    facts = card(str(DATA / "tiny-sd"))
    assert facts.pipeline == "StableDiffusionPipeline"
    assert (facts.native, facts.factor, facts.channels) == ((64, 64), 8, 4)
    assert facts.scheduler["_class_name"] == "DDIMScheduler"


@pytest.mark.parametrize(
    ("name", "pipeline", "side"),
    [
        ("sdxl", "StableDiffusionXLPipeline", 128),
        ("sd15", "StableDiffusionPipeline", 64),
        ("sd21", "StableDiffusionPipeline", 96),
        ("toy", "", 16),
    ],
)
def test_aliases_have_cards_without_a_network_or_a_cache(name, pipeline, side):
    assert name in ALIASES
    facts = card(name)
    assert (facts.name, facts.pipeline, facts.native) == (name, pipeline, Size(side, side))


def test_a_loaded_model_has_the_card_of_its_folder(tiny_sdxl, tiny_sd):
    assert tiny_sdxl.card == card(str(DATA / "tiny-sdxl"))
    assert tiny_sd.card == card(str(DATA / "tiny-sd"))
    assert tiny_sdxl.native == Size(32, 32)


@pytest.mark.parametrize(
    ("pixels", "nearest"), [(1001, 1000), (1005, 1008), (1, 8), (-5, 8), (8.5, 8)]
)
def test_sizes_that_do_not_fit_name_the_nearest_that_does(pixels, nearest):
    with pytest.raises(BadRequest, match=f"of 64x{pixels} pixels .* of 8, 64x{nearest} for"):
        card("sdxl").latent(pixels, 64)
    with pytest.raises(BadRequest, match=f"of {pixels}x64 pixels .* of 8, {nearest}x64 for"):
        card("sdxl").latent(64, pixels)


@pytest.mark.parametrize("name", ["nope", "./nope", "/no/such/folder", "~/nope", "a/b/c"])
def test_a_model_that_is_nowhere_is_said_so_with_what_there_is(name):
    for find in (card, muralist.load):
        with pytest.raises(ModelNotFound, match=r"there is no model .*shapes, toy, sdxl"):
            find(name)


@pytest.mark.parametrize(("name", "near"), [("sdlx", "sdxl"), ("shape", "shapes"), ("Toy", "toy")])
def test_a_misspelled_alias_gets_a_suggestion(name, near):
    with pytest.raises(ModelNotFound, match=rf"no model '{name}'.* did you mean {near}\?"):
        muralist.load(name)


@pytest.mark.parametrize(
    ("name", "source"),
    [("some/model", "some/model"), ("sdxl", "stabilityai/stable-diffusion-xl-base-1.0")],
)
def test_a_hub_id_that_is_not_here_is_told_how_to_get(monkeypatch, name, source):
    def offline(*args, **settings):
        raise OSError("no network")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", offline)
    monkeypatch.setattr("diffusers.DiffusionPipeline.download", offline)
    with pytest.raises(ModelNotFound, match=f"OSError: no network.*`hf download {source}`"):
        muralist.load(name)


def test_a_folder_without_a_model_is_said_so(tmp_path):
    with pytest.raises(ModelNotFound, match="is no complete diffusers folder"):
        muralist.load(str(tmp_path))


def configured(folder: Path, file: str, **change) -> str:
    """The configs of tiny-sdxl, without weights, one of them changed."""
    for name in ("model_index.json", "unet/config.json", "vae/config.json"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(DATA / "tiny-sdxl" / name, folder / name)
    shutil.copytree(DATA / "tiny-sdxl" / "scheduler", folder / "scheduler")
    config = {**json.loads((folder / file).read_text()), **change}
    (folder / file).write_text(json.dumps(config))
    return str(folder)


def test_an_inpainting_model_is_refused(tmp_path):
    name = configured(tmp_path, "unet/config.json", in_channels=9)
    with pytest.raises(UnsupportedModel, match="reads 9 channels where its latents have 4"):
        muralist.load(name)


def test_another_architecture_is_refused(tmp_path):
    name = configured(tmp_path, "model_index.json", _class_name="FluxPipeline")
    with pytest.raises(
        UnsupportedModel,
        match="is a FluxPipeline; StableDiffusionPipeline and StableDiffusionXLPipeline are",
    ):
        muralist.load(name)


def test_another_scheduler_is_refused_when_a_picture_is_asked_for(tmp_path):
    name = configured(tmp_path, "scheduler/scheduler_config.json", _class_name="IPNDMScheduler")
    with pytest.raises(UnsupportedModel, match="IPNDMScheduler is not covered; choose one of ddim"):
        muralist.Request(model=name)


def test_a_folder_without_weights_is_said_so(tmp_path):
    name = configured(tmp_path, "model_index.json")
    with pytest.raises(ModelNotFound, match="could not be read"):
        muralist.load(name)


def test_a_config_that_is_none_is_said_so(tmp_path):
    name = configured(tmp_path, "model_index.json")
    (tmp_path / "unet" / "config.json").write_text("{}")
    with pytest.raises((ModelNotFound, UnsupportedModel)):
        card(name)


def test_native_sizes_may_be_oblong(tmp_path):
    assert card(configured(tmp_path, "unet/config.json", sample_size=[24, 40])).native == (24, 40)


# --- wrapped -----------------------------------------------------------------------------------


@pytest.mark.parametrize("family", ["tiny_sdxl", "tiny_sd"])
def test_a_wrapped_pipeline_paints_as_the_loaded_folder(family, request):
    loaded = request.getfixturevalue(family)
    wrapped = muralist.wrap(loaded.pipe)
    one, other = (
        painted(
            toy_request(
                DemoFusion(window=24, stride=12),
                model=model,
                prompt="a red cat",
                height=264,
                width=200,
                num_inference_steps=2,
                guidance_scale=5.0,
            )
        )
        for model in (loaded, wrapped)
    )
    assert torch.equal(one.latents, other.latents)
    assert one.image.tobytes() == other.image.tobytes()


def test_a_wrapped_pipeline_has_the_card_of_its_folder(tiny_sdxl):
    wrapped = muralist.wrap(tiny_sdxl.pipe, name=tiny_sdxl.card.name).card
    same = ("name", "pipeline", "native", "factor", "channels", "decoder_width")
    assert [getattr(wrapped, name) for name in same] == [
        getattr(tiny_sdxl.card, name) for name in same
    ]
    assert isinstance(wrapped, Card)


def test_a_wrapped_pipeline_keeps_the_scheduler_it_was_given(tiny_sdxl):
    from diffusers import DDIMScheduler, StableDiffusionXLPipeline

    pipe = StableDiffusionXLPipeline(**tiny_sdxl.pipe.components)
    pipe.scheduler = DDIMScheduler.from_config(pipe.scheduler.config, clip_sample=False)
    assert muralist.wrap(pipe).card.scheduler["_class_name"] == "DDIMScheduler"


@torch.no_grad()
def test_what_is_done_to_a_wrapped_pipeline_is_painted_with(tiny_sd):
    """A LoRA loaded afterwards, for example: nothing is copied."""
    wrapped, x = muralist.wrap(tiny_sd.pipe), normal(1, 4, 16, 16, dtype=torch.float32)
    cond, _ = wrapped.encode(Prompt(prompt="a cat"))
    q = replace(query(Size(16, 16)), cond=cond)
    weight = tiny_sd.pipe.unet.conv_out.weight.data
    before = wrapped(x, q).x0
    weight.mul_(2)
    try:
        assert distance(wrapped(x, q).x0, before) > 1e-3
    finally:
        weight.div_(2)


def test_what_is_no_pipeline_is_refused():
    with pytest.raises(UnsupportedModel, match="Toy is no pipeline"):
        muralist.wrap(Toy())


# --- what the network is told ------------------------------------------------------------------


def ids(q, rows: int = 1) -> list[list[int]]:
    return size_and_crop_ids(q, rows, factor=8).tolist()


def test_crop_ids_are_where_the_view_lies_in_pixels():
    q = replace(query(Size(64, 96)), final=Size(128, 192))
    views = [View(0, 0, 32, 32), View(5, 16, 32, 32), View(-3, 70, 32, 32)]
    assert ids(q.at(views)) == [
        [1024, 1536, 0, 0, 1024, 1536],
        [1024, 1536, 40, 128, 1024, 1536],
        [1024, 1536, 0, 560, 1024, 1536],  # training knew no negative coordinates
    ]


def test_crop_ids_of_a_view_round_the_ring_lie_on_the_canvas():
    q = query(Size(32, 96)).at([View(0, 90, 32, 32, wrap=True), View(0, -6, 32, 32, wrap=True)])
    assert ids(q) == [[256, 768, 0, 720, 256, 768]] * 2


def test_views_of_the_whole_are_not_cropped():
    q = query(Size(64, 64)).at([View(-1, 0, 22, 22, 3), View(1, 2, 22, 22, 3)])
    assert ids(q) == [[512, 512, 0, 0, 512, 512]] * 2
    assert ids(query(Size(64, 64)), rows=2) == [[512, 512, 0, 0, 512, 512]] * 2


class Ear:
    """Hears what a network is told, while it lives."""

    def __init__(self, network):
        self.heard = []
        self.hook = network.register_forward_pre_hook(self.hear, with_kwargs=True)

    def hear(self, module, args, kwargs):
        self.heard.append((args[0].shape, kwargs["added_cond_kwargs"]["time_ids"].tolist()))

    def __enter__(self):
        return self.heard

    def __exit__(self, *error):
        self.hook.remove()


@pytest.mark.parametrize(("crop_ids", "off"), [("canvas", 0), ("padded", 4 * 8)])
def test_sdxl_is_told_the_final_size_and_true_coordinates_at_every_stage(tiny_sdxl, crop_ids, off):
    request = toy_request(
        DemoFusion(jitter=0, crop_ids=crop_ids),
        model=tiny_sdxl,
        height=384,
        width=512,
        num_inference_steps=1,
        guidance_scale=5.0,
        batch_size=1,
    )
    with Ear(tiny_sdxl.pipe.unet) as heard:
        painted(request)
    size = [384, 512]
    crops = [(top, left) for top in (0, 128) for left in (0, 128, 256)]
    expected = [((2, 4, 24, 32), [[*size, 0, 0, *size]] * 2)]
    expected += [((2, 4, 24, 32), [[*size, 0, 0, *size]] * 2)] * 4
    expected += [
        ((2, 4, 32, 32), [[*size, top + off, left + off, *size]] * 2) for top, left in crops
    ]
    assert [(tuple(shape), told) for shape, told in heard] == expected


@pytest.mark.parametrize(
    ("crop_ids", "lefts"), [("canvas", [0, 128, 256]), ("none", [0, 0, 0])], ids=["canvas", "none"]
)
def test_multidiffusion_tells_where_windows_lie_or_that_each_is_a_whole(tiny_sdxl, crop_ids, lefts):
    request = toy_request(
        MultiDiffusion(crop_ids=crop_ids),
        model=tiny_sdxl,
        height=256,
        width=512,
        num_inference_steps=1,
        guidance_scale=1.0,
    )
    with Ear(tiny_sdxl.pipe.unet) as heard:
        painted(request)
    assert [told for _, told in heard] == [[[256, 512, 0, left, 256, 512] for left in lefts]]


def test_networks_are_asked_in_their_own_dtype_and_answer_in_ours(tiny_sd):
    x = normal(2, 4, 16, 16)  # float64
    cond, _ = tiny_sd.encode(Prompt(prompt="a cat"))
    answer = tiny_sd(x, replace(query(Size(16, 16)), cond=cond))
    assert answer.x is x
    assert answer.x0.dtype == torch.float64


def test_a_single_prompt_serves_all_rows(tiny_sdxl):
    cond, _ = tiny_sdxl.encode(Prompt(prompt="a cat"))
    rows = cond.rows(3)
    assert rows.embeds.shape[0] == rows.pooled.shape[0] == 3
    assert rows.embeds.untyped_storage().data_ptr() == cond.embeds.untyped_storage().data_ptr()
    assert cond.rows(1) is cond


def test_rows_follow_one_another():
    one, other = (Cond(normal(1, 2, 3, seed=seed), normal(1, 3, seed=seed)) for seed in (1, 2))
    both = one.then(other)
    assert torch.equal(both.embeds, torch.cat([one.embeds, other.embeds]))
    assert torch.equal(both.pooled, torch.cat([one.pooled, other.pooled]))
    assert Cond(one.embeds).then(Cond(other.embeds)).pooled is None


def test_a_negative_prompt_changes_what_guidance_leads_away_from(tiny_sdxl):
    cond, without = tiny_sdxl.encode(Prompt(prompt="a cat"))
    same, blurry = tiny_sdxl.encode(Prompt(prompt="a cat", negative_prompt="blurry"))
    assert torch.equal(cond.embeds, same.embeds)
    assert not torch.equal(without.embeds, blurry.embeds)


def test_the_decoder_is_that_of_the_pipeline(tiny_sd):
    latents = normal(1, 4, 8, 8, dtype=torch.float32).to(tiny_sd.device)
    vae = tiny_sd.pipe.vae
    with torch.no_grad():
        theirs = vae.decode(latents / vae.config.scaling_factor).sample / 2 + 0.5
        ours = tiny_sd.decode(latents)
    assert ours.shape == (1, 3, 64, 64)
    torch.testing.assert_close(ours, theirs)


def test_decoding_can_be_differentiated(tiny_sd):
    latents = normal(1, 4, 8, 8, dtype=torch.float32).requires_grad_()
    (slope,) = torch.autograd.grad(tiny_sd.decode(latents).sum(), latents)
    assert slope.abs().max() > 0
