"""AccDiffusion against recordings of its published implementation (float32, tiny weights)."""

import json

import pytest
import torch
from safetensors import safe_open

import muralist
from muralist import AccDiffusion, DemoFusion, Request, StageDone, Ticked
from muralist.canvas import View
from muralist.denoisers import PatchPrompted, Shuffled
from muralist.denoisers.prompted import Word
from tests import replay
from tests.conftest import DATA
from tests.papers.test_released_code import NEGATIVE, PAD, PROMPT, error, in_release_units

CELL = 4  # latent cells per cell of the maps

CASES = {
    "accdiffusion_s2_fixsigma": (512, 512),
    "accdiffusion_s2_2to1_fixsigma": (256, 512),
    "accdiffusion_s2_fixsigma_zerojitter_noshuffle": (512, 512),
}


def recorded_prompts(name: str) -> list[str]:
    with safe_open(DATA / f"{name}.safetensors", "pt") as file:
        return json.loads(file.metadata()["prompts"])


def request(model, record, name: str) -> Request:
    """As recorded: windows lie on the maps' cells, and do not move from step to step."""
    boxes = (record["s2_md_views_map"] * CELL - PAD).tolist()
    views = [View(top, left, end - top, right - left) for top, end, left, right in boxes]
    method = AccDiffusion(
        c=0.42,
        prompts="tokens",
        interaction="noshuffle" not in name,
        demofusion=DemoFusion(crop_ids="padded"),
    )
    height, width = CASES[name]
    return Request(
        model=model,
        prompt=PROMPT,
        negative_prompt=NEGATIVE,
        height=height,
        width=width,
        method=replay.Replayed(method, lambda q: views),
        num_inference_steps=6,
        guidance_scale=7.5,
    )


def run(model, record, name: str) -> dict[str, float]:
    """Paints as recorded, and gives the errors by name."""
    noise = replay.noise({"base": record["init_noise"], "stage-2": record["s2_noise"]})
    errors = {}
    for event in muralist.generate(request(model, record, name), noise=noise):
        if isinstance(event, Ticked) and event.stage > 1:
            key = f"s2_step{event.step - 1:02d}_latents"
            errors[key] = error(in_release_units(event, model), record[key])
        if isinstance(event, StageDone):
            key = "s2_final_latents" if event.stage > 1 else "phase1_latents"
            errors[key] = error(event.result.latents, record[key])
    return errors


@pytest.fixture
def exchanged_as_recorded(monkeypatch):
    """Permutations from a recording in the place of drawn ones."""

    def use(record):
        def order(self, x, canvas, q):
            return record[f"s2_step{q.step.index:02d}_shuffle_b0"].short().transpose(0, 1)

        monkeypatch.setattr(Shuffled, "order", order)

    return use


@pytest.fixture
def noted(monkeypatch):
    """The maps and the prompts of the views, as they are made."""
    notes = {}
    kept = PatchPrompted.kept

    def noting(self, q):
        rows = kept(self, q)
        notes["maps"], notes["masks"] = self.probe.maps, self.heard(q)[2]
        notes["prompts"] = [" ".join(word.text for word in row) for row in rows]
        return rows

    monkeypatch.setattr(PatchPrompted, "kept", noting)
    return notes


@pytest.mark.parametrize("name", [name for name in CASES if "2to1" not in name])
def test_accdiffusion_equals_the_release(tiny_sdxl, golden, exchanged_as_recorded, noted, name):
    record = golden(name)
    exchanged_as_recorded(record)
    errors = run(tiny_sdxl, record, name)
    assert len(errors) == 8
    assert max(errors.values()) < 1e-4, errors

    recorded_maps = record["attn_maps_mean"].permute(2, 0, 1)
    torch.testing.assert_close(noted["maps"], recorded_maps, atol=1e-5, rtol=0)
    assert torch.equal(noted["masks"] > 0, record["word_masks_u8"][1:-1] > 0)
    assert noted["prompts"] == recorded_prompts(name)


def test_accdiffusion_equals_the_release_at_2_to_1_but_for_its_scrambled_maps(
    tiny_sdxl, golden, exchanged_as_recorded, monkeypatch
):
    """The release reads maps of 4 rows and 8 columns as 8 and 4; its words are replayed."""
    name = "accdiffusion_s2_2to1_fixsigma"
    record = golden(name)
    exchanged_as_recorded(record)
    seen = []

    def as_recorded(self, q):
        seen.append(self.probe.maps)
        return [[Word(prompt, ())] for prompt in recorded_prompts(name)]

    monkeypatch.setattr(PatchPrompted, "kept", as_recorded)
    errors = run(tiny_sdxl, record, name)
    assert max(errors.values()) < 1e-4, errors
    assert seen[-1].shape == (77, 4, 8)
    recorded = record["attn_maps_mean"].reshape(-1, 77).T
    torch.testing.assert_close(seen[-1].flatten(1), recorded, atol=1e-5, rtol=0)


def test_without_the_exchange_the_recording_is_missed(tiny_sdxl, golden):
    """So that the comparisons above can fail: drawn permutations are not the recorded ones."""
    name = "accdiffusion_s2_fixsigma"
    assert run(tiny_sdxl, golden(name), name)["s2_final_latents"] > 5e-3
