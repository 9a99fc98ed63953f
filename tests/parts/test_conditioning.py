"""Words, embeddings, sizes and images reach the network as diffusers' own pipelines bring them."""

import pickle
import warnings
from collections import Counter
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

import muralist
from muralist import BadRequest, MultiDiffusion, PromptTooLong, Request
from muralist.canvas import Size, View
from muralist.denoisers.prompted import words
from muralist.models.prompt import Prompt
from muralist.models.sdxl import size_and_crop_ids
from muralist.planning import plan
from muralist.query import Cond, Framing
from muralist.run import Crew
from tests.conftest import DATA
from tests.crews import Benches
from tests.ip_adapters import IMAGE_WIDTH, adapted
from tests.laws.parts import METHODS, distance, normal, painted, query, toy_request

random = partial(normal, dtype=torch.float32)

WIDTH, POOLED = 64, 32  # of the small models' embeddings; the small SD's are as wide as a half
SETTINGS = {"height": 256, "width": 256, "num_inference_steps": 2, "guidance_scale": 5.0}
TEXT = {"prompt": "a red cat"}


def embeds(width: int, tokens: int = 77, pooled: bool = True) -> dict[str, Tensor]:
    found = {
        "prompt_embeds": random(1, tokens, width, seed=1),
        "negative_prompt_embeds": random(1, tokens, width, seed=2),
    }
    if pooled:
        found["pooled_prompt_embeds"] = random(1, POOLED, seed=3)
        found["negative_pooled_prompt_embeds"] = random(1, POOLED, seed=4)
    return found


def without_negative(given: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value for name, value in given.items() if not name.startswith("negative")}


SIZES = {"original_size": (512, 768), "target_size": (320, 200), "crops_coords_top_left": (40, 8)}
NEGATIVE = {
    "negative_original_size": (64, 48),
    "negative_target_size": (128, 96),
    "negative_crops_coords_top_left": (24, 16),
}

SDXL = {
    "a second prompt": {**TEXT, "prompt_2": "on the lawn"},
    "a negative prompt": {**TEXT, "negative_prompt": "blurry"},
    "an empty negative prompt": {**TEXT, "negative_prompt": ""},
    "two negative prompts": {**TEXT, "negative_prompt": "blurry", "negative_prompt_2": "a dog"},
    "a layer skipped": {**TEXT, "clip_skip": 1},
    "all layers skipped": {**TEXT, "clip_skip": 2, "prompt_2": "on the lawn"},
    "embeddings": embeds(WIDTH),
    "long embeddings": embeds(WIDTH, 154),
    "embeddings, away from nothing": without_negative(embeds(WIDTH, 154)),
    "embeddings, away from a text": {
        **without_negative(embeds(WIDTH, 20)),
        "negative_prompt": "blurry",
    },
    "sizes": {**TEXT, **SIZES},
    "one size": {**TEXT, "target_size": (1024, 512)},
    "sizes for both": {**TEXT, **SIZES, **NEGATIVE},
    "negative sizes": {**TEXT, **NEGATIVE},
    "sizes without guidance": {**TEXT, **SIZES, "guidance_scale": 1.0},
}
SD = {
    "a negative prompt": {**TEXT, "negative_prompt": "blurry"},
    "embeddings": embeds(WIDTH // 2, pooled=False),
    "long embeddings": embeds(WIDTH // 2, 154, pooled=False),
    "few embeddings": without_negative(embeds(WIDTH // 2, 20, pooled=False)),
}


def by_diffusers(pipe, latents: Tensor, **given) -> Tensor:
    pipe.set_progress_bar_config(disable=True)
    return pipe(latents=latents.clone(), output_type="latent", **{**SETTINGS, **given}).images


def by_us(model, latents: Tensor, **given) -> Tensor:
    request = toy_request(MultiDiffusion(), model=model, **{**SETTINGS, **given})
    return painted(request, latents=latents).latents


def check_alike(model, given: dict, other: dict | None = None) -> None:
    """The same arguments, the same picture; and without them another one."""
    drawn = random(1, 4, 32, 32).to(model.device)
    ours = by_us(model, drawn, **given)
    assert distance(ours, by_diffusers(model.pipe, drawn, **given)) < 1e-4
    assert distance(ours, by_us(model, drawn, **(TEXT if other is None else other))) > 1e-3


@pytest.mark.parametrize("name", SDXL)
def test_sdxl_is_told_what_diffusers_tells_it(tiny_sdxl, name):
    check_alike(tiny_sdxl, SDXL[name])


@pytest.mark.parametrize("name", SD)
def test_sd_is_told_what_diffusers_tells_it(tiny_sd, name):
    check_alike(tiny_sd, SD[name])


@pytest.mark.parametrize("skipped", [0, 1, 3])
@torch.no_grad()
def test_sd_hears_an_earlier_layer_normed_as_the_last(tiny_sd, skipped):
    """diffusers 0.42 looks for that norm where transformers 5 has none: done here by hand."""
    encoder, tokenizer = tiny_sd.pipe.text_encoder, tiny_sd.pipe.tokenizer
    ids = tokenizer("a red cat", padding="max_length", return_tensors="pt").input_ids
    layers = encoder(ids.to(encoder.device), output_hidden_states=True).hidden_states
    given = encoder.final_layer_norm(layers[-(skipped + 1)])
    drawn = random(1, 4, 32, 32).to(tiny_sd.device)
    ours = by_us(tiny_sd, drawn, **TEXT, clip_skip=skipped)
    assert distance(ours, by_diffusers(tiny_sd.pipe, drawn, prompt_embeds=given)) < 1e-4
    assert (distance(ours, by_us(tiny_sd, drawn, **TEXT)) > 1e-3) == (skipped > 0)
    assert not hasattr(encoder, "text_model")


# --- sizes -------------------------------------------------------------------------------------


def test_views_begin_where_the_picture_does_and_they_themselves():
    framing = Framing((100, 200), (1000, 2000), (300, 400))
    cond = replace(Cond(torch.zeros(1, 1, 1)), framing=(framing,))
    q = replace(query(Size(64, 96)), cond=cond)
    views = [View(0, 0, 32, 32), View(5, 16, 32, 32), View(1, 2, 22, 22, 3)]
    assert size_and_crop_ids(q.at(views), 3, factor=8).tolist() == [
        [100, 200, 1000, 2000, 300, 400],
        [100, 200, 1040, 2128, 300, 400],
        [100, 200, 1000, 2000, 300, 400],
    ]
    assert size_and_crop_ids(q, 2, factor=8).tolist() == [[100, 200, 1000, 2000, 300, 400]] * 2


def test_a_size_that_is_unset_is_the_pictures():
    cond = replace(Cond(torch.zeros(1, 1, 1)), framing=(Framing(target_size=(8, 16)),))
    q = replace(query(Size(64, 96)), cond=cond, final=Size(128, 192))
    assert size_and_crop_ids(q, 1, factor=8).tolist() == [[1024, 1536, 0, 0, 8, 16]]


# --- in every method ---------------------------------------------------------------------------


class Ear:
    """Hears all that a UNet is told, while it lives."""

    def __init__(self, network):
        self.heard: list[tuple[Tensor, dict[str, Tensor]]] = []
        self.hook = network.register_forward_pre_hook(self.hear, with_kwargs=True)

    def hear(self, module, args, kwargs):
        self.heard.append((kwargs["encoder_hidden_states"], kwargs["added_cond_kwargs"]))

    def __enter__(self):
        return self.heard

    def __exit__(self, *error):
        self.hook.remove()


@pytest.fixture(scope="module")
def ip_sdxl(device):
    return muralist.wrap(adapted(DATA / "tiny-sdxl", "embeds", "hidden", device=device))


@pytest.fixture(scope="module")
def ip_sd(device):
    return muralist.wrap(adapted(DATA / "tiny-sd", "embeds", device=device))


def image(seed: int, size: tuple[int, int] = (40, 56)) -> np.ndarray:
    drawn = np.random.default_rng(seed).integers(0, 256, (size[0] // 8, size[1] // 8, 3))
    return drawn.astype(np.uint8).repeat(8, 0).repeat(8, 1)


PAPERS = ("DemoFusion", "AccDiffusion", "Pixelsmith", "MultiDiffusion")


@pytest.mark.parametrize(
    ("given", "name"),
    [*(("texts", name) for name in METHODS), *(("embeddings", name) for name in PAPERS)],
)
def test_every_call_of_the_network_is_told_all_of_it(ip_sdxl, name, given):
    said = {**TEXT, "prompt_2": "on the lawn", "negative_prompt": "blurry", "clip_skip": 1}
    request = toy_request(
        METHODS[name],
        model=ip_sdxl,
        height=272,
        width=320,
        num_inference_steps=2,
        guidance_scale=5.0,
        ip_adapter_image=[image(0), [image(1), image(2)]],
        **(said if given == "texts" else embeds(WIDTH, 80)),
        **SIZES,
        **NEGATIVE,
    )
    cond, negative = ip_sdxl.encode(request.told)
    with Ear(ip_sdxl.pipe.unet) as heard:
        assert painted(request).latents.isfinite().all()
    tokens = 77 if given == "texts" else 80
    assert heard
    for told, added in heard:
        half = len(told) // 2
        assert told.shape[1] == tokens
        assert torch.equal(told[:half], negative.embeds.expand(half, -1, -1))
        assert [each.shape[1] for each in added["image_embeds"]] == [1, 2]
        for each, none, some in zip(
            added["image_embeds"], negative.images, cond.images, strict=True
        ):
            assert torch.equal(each[:half], none.expand_as(each[:half]))
            assert torch.equal(each[half:], some.expand_as(each[half:]))
        without, ids = added["time_ids"].split(half)
        assert ids[:, [0, 1, 4, 5]].tolist() == [[512, 768, 320, 200]] * half
        assert without[:, [0, 1, 4, 5]].tolist() == [[64, 48, 128, 96]] * half
        begins, negatives = torch.tensor([40, 8]), torch.tensor([24, 16])
        assert torch.equal(ids[:, 2:4].cpu() - begins, without[:, 2:4].cpu() - negatives)
        assert (ids[:, 2:4].cpu() >= begins).all()


def test_patches_are_told_their_words_in_the_same_way(tiny_sdxl):
    prompt = Prompt(prompt="a red cat on the lawn", prompt_2="a dog", clip_skip=1)
    text = tiny_sdxl.text(prompt)
    said = text.say("red cat")
    theirs, _, pooled, _ = tiny_sdxl.pipe.encode_prompt(
        "red cat", "a dog", do_classifier_free_guidance=False, clip_skip=1
    )
    assert torch.equal(said.embeds, theirs)
    assert torch.equal(said.pooled, pooled)
    alone = replace(prompt, prompt_2=None)
    both = tiny_sdxl.text(alone).say("red cat")  # as published: the patch's own words, twice
    theirs, *_ = tiny_sdxl.pipe.encode_prompt(
        "red cat", "red cat", do_classifier_free_guidance=False, clip_skip=1
    )
    assert torch.equal(both.embeds, theirs)


def test_embeddings_have_no_words(tiny_sdxl):
    assert tiny_sdxl.text(Prompt(**embeds(WIDTH))) is None
    assert tiny_sdxl.dropped(Prompt(**embeds(WIDTH))) == {}


def test_workers_are_told_all_of_it(tiny_sdxl):
    request = toy_request(
        METHODS["AccDiffusion"],
        model=tiny_sdxl,
        prompt="a red cat on the lawn",
        prompt_2="a dog",
        clip_skip=1,
        height=384,
        width=384,
        num_inference_steps=1,
        guidance_scale=5.0,
        batch_size=3,
        **SIZES,
        **NEGATIVE,
    )
    benches = Benches(2)
    with Crew(benches, here=False) as crew:
        spread = painted(request, crew=crew).latents
    assert {given.worker for given in benches.given} == {0, 1}
    assert distance(spread, painted(request).latents) < 1e-4
    assert distance(spread, painted(replace(request, prompt_2=None)).latents) > 1e-3


# --- words -------------------------------------------------------------------------------------

LONG = "a red cat on the lawn, " * 20


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({"prompt": LONG}, ["prompt"]),
        ({"prompt": "a cat", "prompt_2": LONG}, ["prompt 2"]),
        ({"prompt": LONG, "prompt_2": "a cat"}, ["prompt"]),
        ({"prompt": "a cat", "negative_prompt": LONG}, ["negative prompt"]),
        ({"negative_prompt": "a cat", "negative_prompt_2": LONG}, ["negative prompt 2"]),
        ({"prompt": LONG, "negative_prompt": LONG}, ["prompt", "negative prompt"]),
        ({"prompt": "a cat"}, []),
    ],
)
def test_each_text_that_is_too_long_is_told(tiny_sdxl, given, names):
    request = toy_request(MultiDiffusion(), model=tiny_sdxl, **{**SETTINGS, **given})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", PromptTooLong)
        next(muralist.generate(request))
    told = [str(each.message) for each in caught if each.category is PromptTooLong]
    assert [text.partition(" is too long; left out: ")[0] for text in told] == [
        f"the {name}" for name in names
    ]


def test_both_tokenizers_count(device):
    """A word learnt as eighty embeddings for the second encoder alone fills its room."""
    from diffusers import StableDiffusionXLPipeline

    pipe = StableDiffusionXLPipeline.from_pretrained(DATA / "tiny-sdxl").to(device)
    pipe.load_textual_inversion(
        {"<cat>": random(80, 32)}, text_encoder=pipe.text_encoder_2, tokenizer=pipe.tokenizer_2
    )
    model = muralist.wrap(pipe)
    assert model.dropped(Prompt(prompt="<cat> on the lawn")) == {"prompt": "<cat> on the lawn"}


@pytest.fixture(scope="module")
def learnt(device):
    """A pipeline that has learnt two words, one of them as three embeddings."""
    from diffusers import StableDiffusionPipeline

    pipe = StableDiffusionPipeline.from_pretrained(DATA / "tiny-sd").to(device)
    pipe.load_textual_inversion({"<cat>": random(3, 32)})
    pipe.load_textual_inversion({"<oil>": random(32, seed=1)})
    return muralist.wrap(pipe)


def test_a_word_that_was_learnt_is_said_as_the_pipeline_says_it(learnt):
    prompt, without = "a <cat> on the lawn, <oil>", "a on the lawn, <oil>"
    check_alike(learnt, {"prompt": prompt}, {"prompt": without})


def test_a_word_of_several_embeddings_is_one_word(learnt):
    told = words(learnt.text(Prompt(prompt="a <cat> on the lawn, <oil>")))
    assert Counter(word.text for word in told)["<cat>"] == 1
    by_text = {word.text: word.tokens for word in told}
    assert by_text["<cat>"] == (1, 2, 3)
    assert len(by_text["<oil>"]) == 1
    ids = learnt.pipe.tokenizer(
        learnt.pipe.maybe_convert_prompt("a <cat> on the lawn, <oil>", learnt.pipe.tokenizer)
    ).input_ids
    tokens = learnt.pipe.tokenizer.convert_ids_to_tokens(ids[1:-1])
    assert [tokens[at] for at in by_text["<cat>"]] == ["<cat>", "<cat>_1", "<cat>_2"]
    assert tokens[by_text["<oil>"][0]] == "<oil>"


def test_embeddings_that_were_learnt_take_room(learnt):
    plain, many = "<oil> " * 30, "<cat> " * 30
    assert learnt.dropped(Prompt(prompt=plain)) == {}
    (left_out,) = learnt.dropped(Prompt(prompt=many)).values()
    assert left_out == "<cat> <cat> <cat> <cat> <cat>"  # 75 tokens are 25 of them


@pytest.mark.parametrize(
    ("fixture", "given", "most"), [("tiny_sd", 4, 3), ("tiny_sdxl", 3, 2), ("tiny_sdxl", 40, 2)]
)
def test_more_layers_than_there_are_cannot_be_skipped(fixture, given, most, request):
    model = request.getfixturevalue(fixture)
    asked = toy_request(MultiDiffusion(), model=model, clip_skip=given)
    with pytest.raises(BadRequest, match=f"clip_skip is {given}; .* layers for 0 to {most}"):
        next(muralist.generate(asked))


@pytest.mark.parametrize("fixture", ["tiny_sd", "tiny_sdxl"])
def test_a_pipeline_without_text_encoders_paints_from_embeddings(fixture, request):
    whole = request.getfixturevalue(fixture)
    parts = {
        name: None if name.startswith("text_encoder") else part
        for name, part in whole.pipe.components.items()
    }
    if fixture == "tiny_sd":
        parts["requires_safety_checker"] = False
    bare = muralist.wrap(type(whole.pipe)(**parts))
    given = embeds(WIDTH) if fixture == "tiny_sdxl" else embeds(WIDTH // 2, pooled=False)
    drawn = random(1, 4, 32, 32)
    assert torch.equal(by_us(bare, drawn, **given), by_us(whole, drawn, **given))
    with pytest.raises(BadRequest, match="the pipeline has no text_encoder; give prompt_embeds"):
        by_us(bare, drawn, **TEXT)


def test_an_empty_prompt_that_is_no_zeros_needs_an_encoder(tiny_sdxl):
    """Without a negative prompt, such a pipeline is led away from an empty text."""
    parts = {
        name: None if name.startswith("text_encoder") else part
        for name, part in tiny_sdxl.pipe.components.items()
    }
    bare = muralist.wrap(type(tiny_sdxl.pipe)(**parts, force_zeros_for_empty_prompt=False))
    with pytest.raises(BadRequest, match="the pipeline has no text_encoder; give prompt_embeds"):
        by_us(bare, random(1, 4, 32, 32), **without_negative(embeds(WIDTH)))


def test_long_embeddings_cannot_be_led_away_from_an_empty_text(tiny_sdxl):
    """As such a pipeline does, whose empty prompt is no zeros."""
    parts = tiny_sdxl.pipe.components
    model = muralist.wrap(type(tiny_sdxl.pipe)(**parts, force_zeros_for_empty_prompt=False))
    drawn = random(1, 4, 32, 32).to(model.device)
    with pytest.raises(BadRequest, match=r"has 154 tokens, .* leads away from 77; give"):
        by_us(model, drawn, **without_negative(embeds(WIDTH, 154)))
    assert by_us(model, drawn, **without_negative(embeds(WIDTH, 20))).isfinite().all()


# --- images ------------------------------------------------------------------------------------


def pil(seed: int) -> Image.Image:
    return Image.fromarray(image(seed))


def image_embeds(*shape: int, seed: int = 0) -> Tensor:
    return random(*shape, IMAGE_WIDTH, seed=seed)


@pytest.mark.parametrize(
    "given",
    [
        {"ip_adapter_image": [pil(0), pil(1)]},
        {"ip_adapter_image": [[pil(0), pil(1)], pil(2)], "negative_prompt": "blurry"},
        {"ip_adapter_image": [pil(0), pil(1)], "guidance_scale": 1.0},
        {"ip_adapter_image_embeds": [image_embeds(2, 1), image_embeds(2, 3, 17, seed=1)]},
        {
            "ip_adapter_image_embeds": [image_embeds(1, 2), image_embeds(1, 1, 17, seed=1)],
            "guidance_scale": 1.0,
        },
    ],
    ids=["images", "lists", "images unguided", "embeddings", "embeddings unguided"],
)
def test_images_lead_as_in_diffusers(ip_sdxl, given):
    other = {"ip_adapter_image": [image(8), image(9)]}
    check_alike(ip_sdxl, {**TEXT, **given}, {**TEXT, **other})


@pytest.mark.parametrize("given", [image(3), [image(3)], [[image(3)]], pil(3)])
def test_one_image_for_one_adapter(ip_sd, given):
    drawn = random(1, 4, 32, 32).to(ip_sd.device)
    ours = by_us(ip_sd, drawn, **TEXT, ip_adapter_image=given)
    theirs = by_diffusers(ip_sd.pipe, drawn, **TEXT, ip_adapter_image=pil(3))
    assert distance(ours, theirs) < 1e-4


def test_the_scale_that_is_set_on_the_pipeline_counts(ip_sd):
    drawn = random(1, 4, 32, 32).to(ip_sd.device)
    full, half, none = [], [], []
    for scale, found in ((1.0, full), (0.5, half), (0.0, none)):
        ip_sd.pipe.set_ip_adapter_scale(scale)
        try:
            found += [by_us(ip_sd, drawn, **TEXT, ip_adapter_image=image(seed)) for seed in (0, 1)]
        finally:
            ip_sd.pipe.set_ip_adapter_scale(1.0)
    assert torch.equal(*none)
    assert distance(*full) > 1e-3
    assert distance(full[0], half[0]) > 1e-3


def test_images_are_encoded_once(ip_sd, monkeypatch):
    asked, encode = [], ip_sd.pipe.encode_image
    monkeypatch.setattr(
        ip_sd.pipe, "encode_image", lambda *given: asked.append(given) or encode(*given)
    )
    request = toy_request(
        METHODS["AccDiffusion"],
        model=ip_sd,
        prompt="a red cat on the lawn",
        height=640,
        width=640,
        num_inference_steps=1,
        ip_adapter_image=image(0),
    )
    painted(request)
    assert len(asked) == 1


BAD_IMAGES = [
    ("ip_sd", {}, "has an IP-Adapter, which needs an image"),
    ("ip_sdxl", {"ip_adapter_image": image(0)}, "images for 1 IP-Adapters, and .* has 2"),
    ("ip_sd", {"ip_adapter_image": [image(0), image(1)]}, "images for 2 IP-Adapters, .* has 1"),
    ("ip_sdxl", {"ip_adapter_image": [image(0), []]}, "a list of images, is needed for each"),
    ("tiny_sd", {"ip_adapter_image": image(0)}, "images for IP-Adapters, and .* has none"),
    ("ip_sd", {"ip_adapter_image": "nowhere.png"}, "nowhere.png is no file"),
    ("ip_sd", {"ip_adapter_image": 7}, "an image is a path"),
    ("ip_sd", {"ip_adapter_image_embeds": [image_embeds(3, 1)]}, r"have shape \(3, 1, 32\); two"),
    ("ip_sd", {"ip_adapter_image_embeds": [image_embeds(1, 1)]}, r"have shape \(1, 1, 32\); two"),
    ("ip_sd", {"ip_adapter_image_embeds": [image_embeds(2)]}, r"have shape \(2, 32\); two rows"),
    ("ip_sd", {"ip_adapter_image_embeds": ["a"]}, "have shape str; two rows are needed"),
    (
        "ip_sd",
        {"ip_adapter_image": image(0), "ip_adapter_image_embeds": [image_embeds(2, 1)]},
        "ip_adapter_image_embeds is given, and ip_adapter_image as well",
    ),
]


@pytest.mark.parametrize(("fixture", "given", "message"), BAD_IMAGES)
def test_images_that_do_not_fit_the_adapters_are_refused(fixture, given, message, request):
    with pytest.raises(BadRequest, match=message):
        Request(model=request.getfixturevalue(fixture), **TEXT, **given)


def test_images_need_an_encoder(device):
    pipe = adapted(DATA / "tiny-sd", "embeds", device=device)
    pipe.image_encoder = None
    request = toy_request(
        MultiDiffusion(), model=muralist.wrap(pipe), ip_adapter_image=image(0), **SETTINGS
    )
    with pytest.raises(BadRequest, match=r"without its image encoder; .* ip_adapter_image_embeds"):
        next(muralist.generate(request))


def test_embeddings_of_one_adapter_need_no_list(ip_sd):
    given = image_embeds(2, 1)
    (told,) = Request(model=ip_sd, ip_adapter_image_embeds=given).told.ip_adapter_image_embeds
    assert told is given


# --- what is written down ----------------------------------------------------------------------


def test_texts_sizes_and_image_files_are_written_down(ip_sd, tiny_sdxl, tmp_path):
    texts = {**TEXT, "prompt_2": "b", "negative_prompt": "c", "negative_prompt_2": "d"}
    asked = Request(model=tiny_sdxl, clip_skip=1, **texts, **SIZES, **NEGATIVE)
    again = Request.from_json(asked.to_json())
    assert again.to_json() == asked.to_json()
    assert (again.framing, again.told.words) == (asked.framing, asked.told.words)
    file = tmp_path / "image.png"
    pil(0).save(file)
    asked = Request(model=ip_sd, **TEXT, ip_adapter_image=file)
    arguments = Request.arguments(asked.to_json())
    again = Request(**{**arguments, "model": ip_sd})
    assert again.to_json() == asked.to_json()
    assert np.array_equal(again.told.ip_adapter_image[0][0], image(0))
    pil(1).save(file)
    with pytest.raises(BadRequest, match=r"image\.png is another image than it was"):
        Request(**{**arguments, "model": ip_sd})


def test_embeddings_are_not_written_down_but_told_apart(tiny_sdxl, tmp_path):
    request = toy_request(
        METHODS["DemoFusion"],
        model=tiny_sdxl,
        height=384,
        width=384,
        num_inference_steps=2,
        guidance_scale=5.0,
        **embeds(WIDTH),
    )
    with pytest.raises(BadRequest, match="from embeddings that its settings do not hold"):
        Request.from_json(request.to_json())
    whole = painted(request).latents
    run = muralist.generate(request, job=tmp_path)
    for event in run:
        if isinstance(event, muralist.Ticked) and event.stage == 2:
            run.close()
            break
    others = replace(request, prompt_embeds=random(1, 77, WIDTH, seed=9))
    with pytest.raises(BadRequest, match=r"another picture \(other prompt_embeds\)"):
        list(muralist.generate(others, job=tmp_path))
    assert torch.equal(painted(request, job=tmp_path).latents, whole)


def test_several_prompts_have_second_ones_each(tiny_sdxl):
    settings = {**SETTINGS, "num_inference_steps": 1, "method": MultiDiffusion()}
    seconds = ["on the lawn", None]
    pictures = muralist.paint(
        tiny_sdxl, ["a cat", "a dog"], prompt_2=seconds, negative_prompt_2="e", **settings
    )
    told = [
        (each.settings["prompt"], each.settings["prompt_2"], each.settings["negative_prompt_2"])
        for each in pictures
    ]
    assert told == [("a cat", "on the lawn", "e"), ("a dog", None, "e")]
    with pytest.raises(BadRequest, match="there are 2 prompts and 1 prompt 2s"):
        muralist.paint(tiny_sdxl, ["a cat", "a dog"], prompt_2=["b"])


def test_rows_carry_images_and_sizes():
    one, other = (
        Cond(random(1, 2, 3), None, (random(1, 1, 4), random(1, 2, 5, 4)), (Framing((8, 8)),))
        for _ in range(2)
    )
    both = one.rows(2).then(other)
    assert [each.shape for each in both.images] == [(3, 1, 4), (3, 2, 5, 4)]
    assert both.framing == (Framing((8, 8)),) * 3
    again = pickle.loads(pickle.dumps(both))
    assert again.framing == both.framing


def test_a_plan_counts_with_adapters(ip_sd, tiny_sd):
    asked = {"height": 640, "width": 640, "num_inference_steps": 2, **TEXT}
    ours = plan(Request(model=ip_sd, ip_adapter_image=image(0), **asked))
    without = plan(Request(model=tiny_sd, **asked))
    assert ours.evaluations == without.evaluations
    assert ours.canvases == without.canvases
