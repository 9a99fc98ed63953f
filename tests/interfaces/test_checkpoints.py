"""What is loaded beside a model, from the command line to the settings of pictures and back."""

import json

import pytest
from PIL import Image

import muralist
from muralist.sinks import read_settings
from tests.checkpoints import DATA, lora

BASE = DATA / "tiny-sdxl"
SMALL = ("--size", "256x256", "--steps", "1", "--method", "multidiffusion")


@pytest.fixture
def file(tmp_path):
    return lora(tmp_path / "lora.safetensors", muralist.load(str(BASE)).pipe)


def pixels_of(path: str) -> bytes:
    with Image.open(path) as image:
        return image.tobytes()


def test_pictures_name_what_was_loaded_and_are_painted_again_with_it(run, file):
    run("paint", "a sea", "--model", BASE, *SMALL, "--lora", f"{file}=0.5", "--out", "a.png")
    model = {"name": str(BASE), "lora": [[file, 0.5]]}
    assert read_settings("a.png")["model"] == model
    run("paint", "--like", "a.png", "--out", "b.png")
    run("paint", "--like", "a.png", "--lora", f"{file}=-2", "--out", "c.png")
    run("paint", "--like", "a.png", "--model", BASE, "--out", "d.png")
    pictures = [pixels_of(f"{name}.png") for name in "abcd"]
    assert pictures[0] == pictures[1]
    assert len(set(pictures)) == 3
    assert read_settings("c.png")["model"] == {**model, "lora": [[file, -2.0]]}
    assert read_settings("d.png")["model"] == str(BASE)


def test_a_line_of_prompts_may_say_what_is_loaded(run, file, tmp_path):
    model = {"name": str(BASE), "lora": [[file, 0.5]]}
    lines = [{"prompt": "a sea", "model": model}, {"prompt": "a sea"}]
    (tmp_path / "prompts.jsonl").write_text("\n".join(map(json.dumps, lines)))
    code, _, err = run(
        "paint", "--prompts", "prompts.jsonl", "--out", "out", "--model", BASE, *SMALL
    )
    assert (code, err) == (0, err)
    assert read_settings("out/0001.png")["model"] == model
    assert read_settings("out/0002.png")["model"] == str(BASE)


def test_a_run_is_taken_up_with_what_was_loaded(run, file, monkeypatch):
    settings = ("--model", BASE, *SMALL, "--lora", f"{file}=0.5")
    run("paint", "a sea", *settings, "--out", "a.png", "--keep")
    code, _, err = run("resume", "a.png.job")
    assert code == 0, err
    assert read_settings("a.png")["model"] == {"name": str(BASE), "lora": [[file, 0.5]]}


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--lora", "x=y"), "--lora x=y: 'y' is no number; FILE=NUMBER is needed"),
        (("--lora", "none.safetensors"), "there is no LoRA 'none.safetensors'"),
        (("--controlnet", "none"), "there is no ControlNet 'none'; a folder or a hub id"),
        (("--ip-adapter", "none.safetensors=0.5"), "there is no IP-Adapter"),
        (("--vae", "none"), "there is no autoencoder 'none'; a folder or a hub id"),
        (("--textual-inversion", "none.safetensors"), "there is no textual inversion"),
        (("--lora", "x=2000"), "LoRA is 2000.0; a number from -1000 to 1000 is needed"),
        (("--config", "none"), "config is for a single file"),
    ],
)
def test_what_is_not_there_is_refused_before_a_model_is_loaded(run, options, reason, monkeypatch):
    monkeypatch.setattr("muralist.cli.painting.load", lambda *_, **__: pytest.fail("loaded"))
    code, _, err = run("paint", "a sea", "--model", BASE, *SMALL, *options)
    assert code == 2
    assert reason in err
    assert err.count("\n") == 1


def test_a_single_file_that_is_not_there_is_said_so_though_configs_are(run):
    """Not that configs are for another kind of model."""
    code, _, err = run("paint", "a sea", "--model", "no.safetensors", "--config", BASE)
    assert (code, err) == (2, "muralist: there is no file 'no.safetensors'\n")
