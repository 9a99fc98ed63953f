"""The training programs: tokens, examples, and runs that can be stopped at any moment."""

import random

import pytest
import torch
from torch import nn
from training.shapes.data import example, examples, shard_size
from training.shapes.muon import Muon, orthogonal
from training.shapes.replicas import Plan, adamw, load_average, train
from training.shapes.tokenizer import LENGTH, new_tokenizer
from training.shapes.unet import Denoising, embed, new_text_encoders, new_unet
from training.shapes.vae import SCALING, new_autoencoder, normalise, windows

from muralist.shapes.render import NATIVE
from muralist.shapes.scene import random_scenes, vocabulary


class Interrupted(Exception):
    pass


class Line:
    """A line to be fitted, by a task that breaks down at a step."""

    def __init__(self, breaks: int = -1) -> None:
        torch.manual_seed(1)
        self.module, self.breaks = nn.Linear(3, 1), breaks

    def optimisers(self, rate: float) -> list[torch.optim.Optimizer]:
        return [adamw([self.module.bias], rate), Muon([self.module.weight], rate)]

    def loss(self, step: int, draw: torch.Generator) -> torch.Tensor:
        if step == self.breaks:
            raise Interrupted
        x = torch.randn(16, 3, generator=draw)
        return (self.module(x) - x.sum(1, keepdim=True)).square().mean()


PLAN = Plan(steps=60, rate=0.2, warmup=5, decay=20, replicas=1, average=4, save=20)


def test_an_interrupted_run_ends_at_the_same_weights(tmp_path):
    train(Line, PLAN, tmp_path / "whole", lambda line: None)
    with pytest.raises(Interrupted):
        train(lambda: Line(33), PLAN, tmp_path / "broken", lambda line: None)
    train(Line, PLAN, tmp_path / "broken", lambda line: None)
    whole, resumed = nn.Linear(3, 1), nn.Linear(3, 1)
    assert load_average(tmp_path / "whole", whole) == 60
    assert load_average(tmp_path / "broken", resumed) == 60
    assert torch.equal(whole.weight, resumed.weight)
    assert torch.allclose(whole.weight, torch.ones(1, 3), atol=0.2)


def test_two_replicas_end_equal(tmp_path):
    plan = Plan(steps=16, rate=0.05, warmup=1, decay=4, replicas=2, average=4, save=8)
    train(Line, plan, tmp_path / "once", _silent)
    train(Line, plan, tmp_path / "again", _silent)
    once, again = (torch.load(tmp_path / name / "state.pt") for name in ("once", "again"))
    assert torch.equal(once["weights"]["weight"], again["weights"]["weight"])


def test_the_rate_rises_stays_and_falls():
    rates = [PLAN.rate_at(step) for step in range(PLAN.steps)]
    assert rates[0] == pytest.approx(PLAN.rate / 5)
    assert rates[5] == rates[39] == PLAN.rate
    assert rates[-1] == pytest.approx(PLAN.rate / 20)


def test_the_state_before_the_fall_is_kept(tmp_path):
    train(Line, PLAN, tmp_path, lambda line: None)
    assert torch.load(tmp_path / "stable.pt")["step"] == 40


def test_states_are_saved_when_replicas_are_equal():
    with pytest.raises(ValueError, match="multiple"):
        Plan(steps=1, rate=1.0, warmup=1, decay=1, average=8, save=12)


def test_every_word_of_the_world_is_one_token():
    tokenizer = new_tokenizer()
    for word in vocabulary():
        assert len(tokenizer(word).input_ids) == 3  # start, word, end
    assert len(tokenizer("a wörd, unknown!").input_ids) > 10
    assert tokenizer.unk_token_id == tokenizer.eos_token_id
    assert tokenizer.eos_token_id not in tokenizer("a wörd, unknown!").input_ids[1:-1]


def test_the_pooled_embedding_is_of_the_whole_caption():
    tokenizer, (first, second) = new_tokenizer(), new_text_encoders()
    models = nn.ModuleDict({"text_encoder": first, "text_encoder_2": second})
    captions = ["a red ring on a blue background", "a red ring on a red background"]
    tokens = tokenizer(captions, padding="max_length", return_tensors="pt").input_ids
    sequence, pooled = embed(models, tokens)
    assert sequence.shape == (2, LENGTH, 128)
    assert (pooled[0] - pooled[1]).abs().max() > 1e-3


def test_whole_pictures_claim_a_larger_original_and_crops_tell_the_truth():
    draw = random.Random(0)
    drawn = [example(draw, NATIVE, NATIVE) for _ in range(600)]
    crops = [one for one in drawn if one.zoom > 1]
    assert 0.25 < len(crops) / len(drawn) < 0.4
    for one in crops:
        height, width, top, left, *target = one.ids
        assert [height, width] == target == [round(NATIVE * one.zoom)] * 2
        assert (top, left) == (one.top, one.left) != (0, 0)
    for one in drawn:
        if one.zoom == 1:
            assert one.ids[2:4] == (0, 0)
            assert min(one.ids[:2]) >= NATIVE


def test_shards_are_drawn_by_their_number():
    assert examples(0, 3)[:5] == examples(0, 3)[:5] != examples(0, 4)[:5]
    sizes = [shard_size(shard) for shard in range(48)]
    assert sizes.count((NATIVE, NATIVE)) == 44
    assert all(height % 16 == width % 16 == 0 for height, width in sizes)


def test_normalised_latents_have_mean_zero_and_variance_one():
    torch.manual_seed(0)
    vae = new_autoencoder().eval().requires_grad_(False)
    pictures = windows(7, 2, 64)
    before = vae.decode(vae.encode(pictures).latent_dist.mean).sample
    noise = vae.encode(pictures).latent_dist.std
    normalise(vae, batches=2)
    posterior = vae.encode(torch.cat([windows(1_000_000 + i, 16, NATIVE) for i in range(2)]))
    deviation, mean = torch.std_mean(posterior.latent_dist.mean * SCALING, dim=(0, 2, 3))
    assert torch.allclose(mean, torch.zeros(4), atol=1e-3)
    assert torch.allclose(deviation, torch.ones(4), atol=1e-3)
    # The whole encoder and decoder do what they did, in other units.
    after = vae.encode(pictures).latent_dist
    assert torch.allclose(vae.decode(after.mean).sample, before, atol=1e-3)
    stretch = after.std / noise
    assert torch.allclose(stretch, stretch[:1, :, :1, :1].expand_as(stretch), rtol=1e-3)


def test_one_batch_teaches_every_parameter(tmp_path):
    pool = {
        "latents": torch.randn(16, 4, 32, 32).half(),
        "ids": torch.full((16, 6), 128.0),
        "captions": [scene.caption for scene in random_scenes(0, 16)],
    }
    torch.save(pool, tmp_path / "0000.pt")
    task = Denoising(tmp_path, PLAN, compiled=False)
    loss = task.loss(0, torch.Generator().manual_seed(0))
    assert 0.1 < loss.item() < 3.0
    loss.backward()
    taught = {name for name, p in task.module.named_parameters() if p.grad is not None}
    assert taught == {name for name, p in task.module.named_parameters() if p.requires_grad}


def test_muon_moves_every_direction_alike():
    matrix = torch.randn(24, 6, generator=torch.Generator().manual_seed(0))
    for one in (matrix, matrix.T):
        singular = torch.linalg.svdvals(orthogonal(one[None])[0])
        assert singular.min() > 0.5  # the polynomial is rough on purpose
        assert singular.max() < 1.3


def test_the_model_is_small():
    models = [new_unet(), new_autoencoder(), *new_text_encoders()]
    halves = 2 * sum(p.numel() for model in models for p in model.parameters())
    assert halves < 14e6  # bytes: the shipped folder is to stay below 15 MB


def _silent(line: str) -> None:
    del line
