"""Checkpoints in one file: they paint what their folders paint, or are refused in a sentence."""

import shutil

import pytest
import torch

import muralist
from muralist import Checkpoint, ModelNotFound, MultiDiffusion, UnsupportedModel
from muralist.canvas import Size
from muralist.models import card
from tests.checkpoints import DATA, SDXL, configs_only, folder, original, saved
from tests.laws.parts import painted, toy_request

FAMILIES = {
    "sd15": ("tiny-sd", {}),
    "sd21": (
        "tiny-sd",
        {"unet": {"use_linear_projection": True}, "text_encoder": {"hidden_act": "gelu"}},
    ),
    "sdxl": ("tiny-sdxl", SDXL),
}


@pytest.fixture(scope="module", params=FAMILIES)
def three(request, tmp_path_factory):
    """A family, a folder, its configs, and the same weights in one file."""
    at, family = tmp_path_factory.mktemp(request.param), request.param
    whole = folder(at / "folder", *FAMILIES[family])
    file = saved(at / "model.safetensors", original(whole, family))
    return family, whole, configs_only(at / "configs", whole), file


def picture(model, **settings):
    settings = {"height": 264, "width": 264, "num_inference_steps": 2, **settings}
    asked = toy_request(
        MultiDiffusion(window=24, stride=12), model=model, prompt="a red cat", **settings
    )
    return painted(asked)


def test_a_file_paints_what_its_folder_paints(three, device):
    _, whole, configs, file = three
    one, other = (
        picture(muralist.load(name, config=config, device=device, dtype=torch.float32))
        for name, config in ((str(whole), None), (file, configs))
    )
    assert torch.equal(one.latents, other.latents)
    assert one.image.tobytes() == other.image.tobytes()


def test_a_file_without_some_of_its_weights_is_said_so(tmp_path):
    whole = folder(tmp_path / "folder", "tiny-sdxl", SDXL)
    tensors = original(whole, "sdxl")
    del tensors["conditioner.embedders.1.model.ln_final.weight"]
    file = saved(tmp_path / "model.safetensors", tensors)
    sentence = "holds no .*final_layer_norm.weight of its text_encoder_2 .1 of"
    with pytest.raises(ModelNotFound, match=sentence):
        muralist.load(file, config=whole)


def test_a_file_alone_has_its_familys_card(three):
    family, _, _, file = three
    facts, known = card(file), card(family)
    assert facts.name == file
    assert facts.checkpoint == Checkpoint(file)
    same = ("pipeline", "native", "factor", "channels", "scheduler", "decoder_width")
    assert [getattr(facts, name) for name in same] == [getattr(known, name) for name in same]


def test_a_file_with_configs_has_their_card(three):
    _, whole, configs, file = three
    facts, known = card(Checkpoint(file, config=str(configs))), card(str(whole))
    same = ("pipeline", "native", "factor", "channels", "scheduler", "decoder_width")
    assert [getattr(facts, name) for name in same] == [getattr(known, name) for name in same]


def test_without_configs_here_it_is_said_where_they_are(three, monkeypatch):
    """Tiny networks are not their family's: their layout is let pass."""
    family, _, _, file = three
    monkeypatch.setattr("muralist.models.loading._check_layout", lambda *given: None)
    hub = muralist.models.ALIASES[family]
    with pytest.raises(ModelNotFound, match=rf"weights only.*few MB.*`hf download {hub} --include"):
        muralist.load(file)


def test_another_layout_than_the_configs_say_is_refused_before_weights_are_read(three):
    *_, file = three
    with pytest.raises(UnsupportedModel, match=r"is not that of its family: \d+ tensors where"):
        muralist.load(file)


def test_a_file_and_configs_of_two_families_are_refused(three, tmp_path):
    family, *_, file = three
    other = "tiny-sd" if family == "sdxl" else "tiny-sdxl"
    configs = configs_only(tmp_path / "configs", DATA / other)
    with pytest.raises(
        UnsupportedModel, match=r"is a StableDiffusion.*Pipeline, '.*configs' a Stab"
    ):
        muralist.load(file, config=configs)


# --- what headers say --------------------------------------------------------------------------


def headed(at, family: str, change=None, metadata=None) -> str:
    """A file of a family's keys, with a number a tensor."""
    keys = {
        "sd15": ["cond_stage_model.transformer.text_model.embeddings.position_embedding.weight"],
        "sd21": ["cond_stage_model.model.token_embedding.weight"],
        "sdxl": [
            "conditioner.embedders.0.transformer.text_model.embeddings.position_embedding.weight",
            "conditioner.embedders.1.model.token_embedding.weight",
            "model.diffusion_model.label_emb.0.0.weight",
        ],
    }[family]
    tensors = {key: torch.zeros(1) for key in keys}
    tensors["model.diffusion_model.input_blocks.0.0.weight"] = torch.zeros(8, 4, 3, 3)
    tensors["first_stage_model.decoder.conv_in.weight"] = torch.zeros(8, 4, 3, 3)
    tensors |= change or {}
    kept = {key: value for key, value in tensors.items() if value is not None}
    return saved(at / "model.safetensors", kept, metadata)


def test_markers_of_velocity_and_zero_snr_are_heeded(tmp_path):
    marks = {"v_pred": torch.zeros(0), "ztsnr": torch.zeros(0)}
    scheduler = card(headed(tmp_path, "sdxl", marks)).scheduler
    assert scheduler["prediction_type"] == "v_prediction"
    assert scheduler["rescale_betas_zero_snr"] is True
    assert scheduler["timestep_spacing"] == "trailing"


@pytest.mark.parametrize(
    ("said", "prediction"), [("epsilon", "epsilon"), ("v", "v_prediction"), ("?", "v_prediction")]
)
def test_metadata_tells_how_stable_diffusion_2_was_trained(tmp_path, said, prediction):
    metadata = {"modelspec.prediction_type": said, "modelspec.resolution": "512x512"}
    facts = card(headed(tmp_path, "sd21", metadata=metadata))
    assert facts.scheduler["prediction_type"] == prediction
    assert facts.native == Size(64, 64)


_CONV = "model.diffusion_model.input_blocks.0.0.weight"
_REFINER = {
    "conditioner.embedders.0.transformer.text_model.embeddings.position_embedding.weight": None,
    "conditioner.embedders.1.model.token_embedding.weight": None,
    "conditioner.embedders.0.model.token_embedding.weight": torch.zeros(1),
}


@pytest.mark.parametrize(
    ("family", "change", "sentence"),
    [
        ("sd15", {_CONV: torch.zeros(8, 9, 3, 3)}, "is an inpainting model.*reads 9 channels"),
        ("sd15", {_CONV: torch.zeros(8, 8, 3, 3)}, "is a model that edits pictures"),
        ("sdxl", _REFINER, "is SDXL's refiner, which cannot paint from noise"),
        (
            "sd21",
            {"model.diffusion_model.label_emb.0.0.weight": torch.zeros(1)},
            "holds a network beside OpenCLIP; a whole checkpoint",
        ),
        (
            "sd21",
            {"cond_stage_model.model.token_embedding.weight": None},
            "holds a network beside no text encoder; a whole checkpoint",
        ),
        ("sd15", {"first_stage_model.decoder.conv_in.weight": None}, "holds no autoencoder"),
    ],
)
def test_what_cannot_paint_from_noise_is_refused(tmp_path, family, change, sentence):
    with pytest.raises(UnsupportedModel, match=sentence):
        muralist.load(headed(tmp_path, family, change))


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("model.diffusion_model.double_blocks.0.img_attn.qkv.weight", "a checkpoint of Flux"),
        ("model.diffusion_model.joint_blocks.0.x.weight", "a checkpoint of Stable Diffusion 3"),
        ("lora_unet_down_blocks_0_attn.lora_down.weight", "a LoRA; give it as `lora`"),
        ("control_model.input_blocks.0.0.weight", "a ControlNet"),
        ("ip_adapter.1.to_k_ip.weight", "an IP-Adapter"),
        ("decoder.conv_in.weight", "an autoencoder; give it as `vae`"),
        ("down_blocks.0.resnets.0.conv1.weight", "one network of a diffusers folder"),
        ("anything", "no checkpoint that is known here"),
    ],
)
def test_other_files_are_called_what_they_are(tmp_path, key, kind):
    file = saved(tmp_path / "other.safetensors", {key: torch.zeros(1)})
    with pytest.raises(
        UnsupportedModel, match=f"is {kind}.*a whole checkpoint of Stable Diffusion"
    ):
        card(file)


@pytest.mark.parametrize("suffix", [".ckpt", ".bin", ".pt"])
def test_pickles_are_refused(tmp_path, suffix):
    (tmp_path / f"model{suffix}").write_bytes(b"\x80")
    with pytest.raises(UnsupportedModel, match=r"can run any code; only \.safetensors are read"):
        card(str(tmp_path / f"model{suffix}"))


def test_a_file_that_is_cut_off_is_said_so(tmp_path):
    file = headed(tmp_path, "sd15")
    cut = tmp_path / "cut.safetensors"
    shutil.copy(file, cut)
    cut.write_bytes(cut.read_bytes()[:100])
    with pytest.raises(ModelNotFound, match="is no whole safetensors file"):
        card(str(cut))
