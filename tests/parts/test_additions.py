"""What is loaded with a model: it does what its makers say, or is refused before weights are."""

import json
import pickle
import shutil

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

import muralist
from muralist import BadRequest, Checkpoint, ModelNotFound, Request, UnsupportedModel
from muralist.models import IPAdapter, Lora, card
from muralist.models.prompt import Prompt
from muralist.models.weightless import weightless
from tests.checkpoints import DATA, controlnet, folder, ip_adapter, lora, saved, vae, weights
from tests.laws.parts import distance

BASES = ["tiny-sd", "tiny-sdxl"]


@pytest.fixture(scope="module", params=BASES)
def base(request):
    return str(DATA / request.param)


@pytest.fixture(scope="module")
def plain(base, device):
    return muralist.load(base, device=device, dtype=torch.float32)


@pytest.fixture
def made(base, device):
    """Loads the base with something added."""
    return lambda **given: muralist.load(base, device=device, dtype=torch.float32, **given)


# --- what they do ------------------------------------------------------------------------------


@torch.no_grad()
@pytest.mark.parametrize("kohya", [False, True], ids=["diffusers", "kohya"])
def test_loras_add_their_products_to_the_weights(made, plain, tmp_path, kohya):
    files = [lora(tmp_path / f"{seed}.safetensors", plain.pipe, kohya, seed) for seed in (1, 2)]
    loaded = made(lora=[(files[0], 0.5), files[1]])
    wanted = {"unet": "attn2.to_k", "text_encoder": "layers.0.self_attn.q_proj"}
    for part, ending in wanted.items():
        before = dict(getattr(plain.pipe, part).named_modules())
        after = dict(getattr(loaded.pipe, part).named_modules())
        name = next(name for name in before if name.endswith(ending))
        x = torch.randn(3, before[name].in_features, generator=torch.Generator().manual_seed(0))
        x = x.to(loaded.device)
        expected = before[name](x)
        for file, weight in zip(files, (0.5, 1.0), strict=True):
            down, up = _factors(load_file(file), part, name, kohya)
            expected = expected + weight * (x @ down.to(x).T @ up.to(x).T)
        torch.testing.assert_close(after[name](x), expected, atol=1e-4, rtol=1e-4)
        assert distance(expected, before[name](x)) > 0.1


def _factors(found, part, name, kohya):
    keys = [key for key in found if key.endswith(("A.weight", "down.weight"))]
    dots = name.replace(".", "_") if kohya else name
    own = "lora_te" if kohya and part != "unet" else f"lora_{part}" if kohya else f"{part}."
    (down,) = (key for key in keys if key.startswith(own) and dots in key)
    up = down.replace("lora_A", "lora_B").replace("lora_down", "lora_up")
    return found[down], found[up]


def test_controlnets_are_there_beside_the_network(made, plain, tmp_path):
    one, other = (controlnet(tmp_path / f"{seed}", plain.pipe, seed) for seed in (1, 2))
    single, both = made(controlnet=one), made(controlnet=[one, other])
    assert (single.card.controlnets, both.card.controlnets, plain.card.controlnets) == (1, 2, 0)
    nets = both.pipe.controlnet.nets
    for net, source in zip(nets, (one, other), strict=True):
        theirs = load_file(source / "diffusion_pytorch_model.safetensors")
        assert all(torch.equal(net.state_dict()[key].cpu(), theirs[key]) for key in theirs)


def test_ip_adapters_are_there_with_their_scale_and_image_encoder(made, plain, tmp_path):
    file = ip_adapter(tmp_path, plain.pipe)
    loaded = made(ip_adapter=[(file, 0.7), file])
    assert loaded.card.ip_adapters == 2
    assert plain.card.ip_adapters == 0
    listening = {
        name: each for name, each in loaded.pipe.unet.attn_processors.items() if "attn2" in name
    }
    theirs = load_file(file)
    for each in listening.values():
        assert each.scale == [0.7, 1.0]
        assert any(
            torch.equal(each.to_k_ip[0].weight.cpu(), theirs[key])
            for key in theirs
            if "to_k_ip" in key
        )
    assert loaded.pipe.image_encoder.config.projection_dim == 24
    assert loaded.pipe.feature_extractor.size["shortest_edge"] == 32


def test_words_of_textual_inversion_are_read_as_their_embeddings(made, plain, tmp_path):
    width = plain.pipe.text_encoder.config.hidden_size
    embeds = torch.randn(2, width, generator=torch.Generator().manual_seed(0))
    two = getattr(plain.pipe, "text_encoder_2", None) is not None
    tensors = {"clip_l": embeds, "clip_g": embeds + 1} if two else {"emb_params": embeds}
    loaded = made(textual_inversion=saved(tmp_path / "my-cat.safetensors", tensors))
    for number, part in enumerate(["", "_2"][: 1 + two]):
        tokenizer = getattr(loaded.pipe, f"tokenizer{part}")
        ids = tokenizer(
            loaded.pipe.maybe_convert_prompt("my-cat", tokenizer), add_special_tokens=False
        ).input_ids
        encoder = getattr(loaded.pipe, f"text_encoder{part}")
        assert torch.equal(encoder.get_input_embeddings().weight[ids].cpu(), embeds + number)


def test_another_autoencoder_decodes(made, plain, tmp_path, base):
    other = folder(tmp_path / "other", base.rpartition("/")[2], {}, seed=5)
    file = saved(tmp_path / "vae.safetensors", vae(weights(other, "vae")))
    latents = torch.randn(1, 4, 4, 4, generator=torch.Generator().manual_seed(0))
    ours = muralist.load(str(other), device=plain.device, dtype=torch.float32)
    with torch.no_grad():
        expected = ours.decode(latents)
        assert not torch.equal(plain.decode(latents), expected)
        for given in (file, other, other / "vae"):
            assert torch.equal(made(vae=given).decode(latents), expected)


# --- the whole checkpoint ----------------------------------------------------------------------


def test_a_loaded_model_travels_with_what_was_added(made, plain, tmp_path):
    loaded = made(lora=(lora(tmp_path / "lora.safetensors", plain.pipe), 0.5))
    there = pickle.loads(pickle.dumps(loaded))
    assert there.card == loaded.card
    one, other = (model.encode(Prompt(prompt="a cat"))[0].embeds for model in (loaded, there))
    assert torch.equal(one, other)
    assert not torch.equal(one, plain.encode(Prompt(prompt="a cat"))[0].embeds)


def test_settings_of_a_picture_name_all_that_was_loaded(plain, base, tmp_path):
    checkpoint = Checkpoint(
        base,
        lora=[(lora(tmp_path / "lora.safetensors", plain.pipe), 0.5)],
        ip_adapter=(ip_adapter(tmp_path / "ip", plain.pipe), 0.7),
        controlnet=controlnet(tmp_path / "net", plain.pipe),
    )
    Image.new("RGB", (8, 8), "red").save(tmp_path / "like.png")
    request = Request(model=checkpoint, ip_adapter_image=tmp_path / "like.png")
    settings = json.loads(json.dumps(request.to_json()))
    again = Request.from_json(settings)
    assert again.model == checkpoint
    assert again.card == request.card
    assert (again.card.controlnets, again.card.ip_adapters) == (1, 1)
    assert Request(model=base).to_json()["model"] == base


def test_a_checkpoint_is_made_of_what_is_written_simply():
    assert Checkpoint("a/b", lora="x.safetensors").lora == (Lora("x.safetensors", 1.0),)
    assert Checkpoint("a/b", lora=["x", ("y", 0.5)]).lora == (Lora("x"), Lora("y", 0.5))
    assert Checkpoint("a/b", lora=("x", "y")).lora == (Lora("x"), Lora("y"))
    assert Checkpoint("a/b", ip_adapter=("x", 0.5, "z")).ip_adapter == (IPAdapter("x", 0.5, "z"),)
    assert Checkpoint("a/b", controlnet="x").controlnet == ("x",)
    assert Checkpoint("a/b").to_json() == "a/b"


@pytest.mark.parametrize(
    "given", [{"lora": 3}, {"lora": [("x", "y", "z")]}, {"lora": ("x", float("nan"))}, {"vae": ""}]
)
def test_what_names_nothing_is_refused(given):
    with pytest.raises(BadRequest):
        Checkpoint("a/b", **given)


@pytest.mark.parametrize("given", [3, {}, {"name": "x", "other": 1}, ["x"]])
def test_settings_that_name_no_model_are_refused(given):
    with pytest.raises(BadRequest, match="names no model"):
        Checkpoint.from_json(given)


def test_a_checkpoint_is_loaded_as_it_is(base, plain, device):
    assert muralist.load(Checkpoint(base), device=device, dtype=torch.float32).card == plain.card
    with pytest.raises(BadRequest, match="a Checkpoint says all that is loaded"):
        muralist.load(Checkpoint(base), vae="x")


def test_the_toy_takes_nothing():
    with pytest.raises(BadRequest, match="toy takes nothing beside its name"):
        card(Checkpoint("toy", lora="x"))


# --- refused before weights are read -----------------------------------------------------------


@pytest.fixture
def other(base):
    """A model of the other width."""
    return muralist.load(str(DATA / BASES[base.endswith(BASES[0])]))


@pytest.mark.parametrize("kohya", [False, True], ids=["diffusers", "kohya"])
def test_a_lora_for_another_base_is_refused(base, other, tmp_path, kohya):
    file = lora(tmp_path / "lora.safetensors", other.pipe, kohya)
    with pytest.raises(UnsupportedModel, match=r"the LoRA .* was made for another base: .*wide"):
        card(Checkpoint(base, lora=file))


def test_a_lora_of_a_second_text_encoder_needs_one(tmp_path):
    tensors = {
        f"lora_te2_text_model_encoder_layers_0_self_attn_q_proj.lora_{way}.weight": torch.zeros(
            2, 2
        )
        for way in ("up", "down")
    }
    file = saved(tmp_path / "lora.safetensors", tensors)
    with pytest.raises(UnsupportedModel, match="it changes a text_encoder_2, which the model has"):
        card(Checkpoint("sd15", lora=file))


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        ("lora_unet_double_blocks_0_img_attn_proj.lora_down.weight", "another kind of model"),
        ("lora_unet_down_blocks_0_x.hada_w1_a", "is a LyCORIS file"),
        ("anything", "is no LoRA"),
    ],
)
def test_what_is_no_lora_of_ours_is_refused(tmp_path, key, sentence):
    file = saved(tmp_path / "lora.safetensors", {key: torch.zeros(2, 2)})
    with pytest.raises(UnsupportedModel, match=sentence):
        card(Checkpoint("sdxl", lora=file))


def test_a_controlnet_for_another_base_is_refused(base, other, tmp_path):
    net = controlnet(tmp_path / "net", other.pipe)
    with pytest.raises(UnsupportedModel, match=r"the ControlNet .* was made for another base"):
        card(Checkpoint(base, controlnet=net))


def test_a_controlnet_for_another_autoencoder_is_refused(base, plain, tmp_path):
    changed = {"conditioning_embedding_out_channels": (8, 16)}
    net = controlnet(tmp_path / "net", plain.pipe, **changed)
    with pytest.raises(UnsupportedModel, match="takes 2 pixels for a latent cell, and the model 8"):
        card(Checkpoint(base, controlnet=net))


def test_another_network_is_no_controlnet(base):
    with pytest.raises(UnsupportedModel, match="is a UNet2DConditionModel; a ControlNetModel is"):
        card(Checkpoint(base, controlnet=f"{base}/unet"))


def test_an_ip_adapter_for_another_base_is_refused(base, other, tmp_path):
    file = ip_adapter(tmp_path, other.pipe)
    with pytest.raises(UnsupportedModel, match=r"the IP-Adapter .* was made for another base"):
        card(Checkpoint(base, ip_adapter=file))


def test_an_ip_adapter_needs_the_image_encoder_it_was_made_with(base, plain, tmp_path):
    file = ip_adapter(tmp_path, plain.pipe)
    config = tmp_path / "image_encoder" / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "projection_dim": 40}))
    with pytest.raises(UnsupportedModel, match=r"reads images 24 wide; the image encoder .* 40"):
        card(Checkpoint(base, ip_adapter=file))


def test_ip_adapters_share_one_image_encoder(base, plain, tmp_path):
    files = [ip_adapter(tmp_path / each, plain.pipe) for each in ("one", "other")]
    with pytest.raises(UnsupportedModel, match="a pipeline has one for all of them"):
        card(Checkpoint(base, ip_adapter=files))
    shared = str(tmp_path / "one" / "image_encoder")
    both = Checkpoint(base, ip_adapter=[(file, 1.0, shared) for file in files])
    assert card(both).ip_adapters == 2


def test_words_for_another_text_encoder_are_refused(tmp_path):
    one = saved(tmp_path / "one.safetensors", {"<cat>": torch.zeros(768)})
    two = saved(
        tmp_path / "two.safetensors", {"clip_l": torch.zeros(768), "clip_g": torch.zeros(9)}
    )
    with pytest.raises(UnsupportedModel, match="was made for another base: it is for text 768"):
        card(Checkpoint("sd21", textual_inversion=one))
    with pytest.raises(UnsupportedModel, match="it is for text 9 wide, the model's is 1280"):
        card(Checkpoint("sdxl", textual_inversion=two))
    for name, file in (("sdxl", one), ("sd15", two)):
        with pytest.raises(UnsupportedModel, match=r"has \d embedding\(s\); the model has \d text"):
            card(Checkpoint(name, textual_inversion=file))


def test_an_autoencoder_of_other_latents_is_refused(base, tmp_path):
    file = saved(tmp_path / "vae.safetensors", {"decoder.conv_in.weight": torch.zeros(8, 16, 3, 3)})
    with pytest.raises(UnsupportedModel, match="its latents have 16 channels, the model's 4"):
        card(Checkpoint(base, vae=file))


@pytest.mark.parametrize("part", ["lora", "ip_adapter", "textual_inversion", "vae", "controlnet"])
def test_what_is_not_there_is_said_so(base, part):
    with pytest.raises(ModelNotFound, match=r"no/where/else"):
        card(Checkpoint(base, **{part: "/no/where/else.safetensors"}))


@pytest.mark.parametrize("part", ["lora", "ip_adapter", "textual_inversion", "vae"])
def test_pickles_are_refused(base, part, tmp_path):
    (tmp_path / "x.bin").write_bytes(b"\x80")
    with pytest.raises(UnsupportedModel, match=r"can run any code; only \.safetensors are read"):
        card(Checkpoint(base, **{part: tmp_path / "x.bin"}))


@pytest.mark.parametrize("part", ["lora", "ip_adapter", "controlnet", "vae"])
def test_what_is_on_the_hub_is_told_how_to_get_where_there_is_no_network(base, part, monkeypatch):
    def offline(*args, **settings):
        raise OSError("no network")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", offline)
    name = "some/one" if part in ("controlnet", "vae") else "some/one/weights.safetensors"
    with pytest.raises(ModelNotFound, match=rf"'{name}.*no network.*`hf download some/one`"):
        card(Checkpoint(base, **{part: name}))


# --- variants and parts of a folder ------------------------------------------------------------


@pytest.fixture
def whole(tmp_path):
    return shutil.copytree(DATA / "tiny-sd", tmp_path / "whole")


def as_variant(whole, keep: bool = False):
    for file in whole.glob("*/*.safetensors"):
        shutil.copy(file, file.with_suffix(".fp16.safetensors"))
        if not keep:
            file.unlink()


def test_a_variant_is_read_where_it_is_asked_for_or_alone(whole, device):
    as_variant(whole)
    for variant in ("fp16", None):
        loaded = muralist.load(str(whole), variant=variant, device=device, dtype=torch.float32)
        assert loaded.card.checkpoint.variant == variant


def test_a_variant_that_is_not_there_is_said_so_with_what_is(whole):
    with pytest.raises(ModelNotFound, match="has no fp16 weights of its unet, but plain weights"):
        muralist.load(str(whole), variant="fp16")
    as_variant(whole, keep=True)
    with pytest.raises(ModelNotFound, match=r"has no ema weights of its unet, but plain .* fp16"):
        muralist.load(str(whole), variant="ema")


def test_weights_that_are_pickled_are_said_so(whole):
    file = whole / "unet" / "diffusion_pytorch_model.safetensors"
    file.rename(file.with_suffix(".bin"))
    with pytest.raises(ModelNotFound, match=r"no weights of its unet but \.bin files"):
        muralist.load(str(whole))


def test_a_folder_without_one_of_its_parts_is_said_so(whole):
    shutil.rmtree(whole / "tokenizer")
    with pytest.raises(ModelNotFound, match="could not be read: it has no folder tokenizer"):
        muralist.load(str(whole))


def test_configs_are_for_single_files_and_variants_for_folders(whole):
    with pytest.raises(BadRequest, match="config is for a single file"):
        card(Checkpoint(str(whole), config="x"))


# --- planned with ------------------------------------------------------------------------------


def test_a_plan_counts_the_networks_that_were_added(base, plain, made, tmp_path):
    """The same of a checkpoint that is only named, and of the model that it loads as."""
    added = {
        "controlnet": [controlnet(tmp_path / f"{seed}", plain.pipe, seed) for seed in (1, 2)],
        "ip_adapter": ip_adapter(tmp_path / "ip", plain.pipe),
    }
    files = [each / "diffusion_pytorch_model.safetensors" for each in added["controlnet"]]
    files.append(tmp_path / "ip" / "image_encoder" / "model.safetensors")
    more = sum(each.numel() for file in files for each in load_file(file).values())
    named, loaded = (
        {
            name: _size(each)
            for name, each in weightless(model, card(base), torch.float32).networks.items()
        }
        for model in (Checkpoint(base, **added), made(**added))
    )
    assert named == loaded
    assert sum(named.values()) == sum(map(_size, _networks(plain))) + more


def _networks(model):
    return (each for each in model.pipe.components.values() if isinstance(each, torch.nn.Module))


def _size(network):
    return sum(each.numel() for each in network.parameters())
