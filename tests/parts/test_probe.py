"""What the probe records, and that it leaves no trace."""

import copy

import pytest
import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from torch import nn

from muralist.canvas import Size, View
from muralist.models.architectures import ARCHITECTURES
from muralist.models.prompt import Prompt
from muralist.patches import Probe
from muralist.patches.probe import _layers
from tests.laws.parts import normal, query, steps


class Keeping(AttnProcessor):
    """diffusers' own plain attention, which keeps the weights of every call."""

    def __init__(self, kept: list):
        self.kept = kept

    def __call__(self, attn, hidden_states, encoder_hidden_states=None, **others):
        scores = attn.get_attention_scores

        def noted(query, key, mask=None):
            weights = scores(query, key, mask)
            if encoder_hidden_states is not None:
                self.kept.append(weights)
            return weights

        attn.get_attention_scores = noted
        try:
            return super().__call__(attn, hidden_states, encoder_hidden_states, **others)
        finally:
            del attn.get_attention_scores


def asked(model, size: Size):
    cond, negative = model.encode(Prompt(prompt="a red cat and a corgi"))
    views = (View(0, 0, *size),)
    return query(size, steps()[1], cond=cond, negative=negative, views=views)


def ask(model, x, q, guided: bool = True):
    from muralist.denoisers import CFG

    with torch.no_grad():
        return CFG(model, 5.0 if guided else 1.0)(x, q)


@pytest.fixture(params=["tiny_sdxl", "tiny_sd"])
def model(request):
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("guided", [True, False], ids=["guided", "plain"])
@pytest.mark.parametrize("size", [Size(32, 32), Size(16, 32), Size(24, 20), Size(18, 28)], ids=str)
def test_maps_are_the_mean_of_the_prompts_attention(model, size, guided):
    """Against diffusers' explicit attention, layer by layer, head by head."""
    q, probe, kept = asked(model, size), Probe(), []
    x = normal(1, 4, *size, dtype=torch.float32)
    unet = model.network
    with probe(unet, x, q):
        ask(model, x, q, guided)
    before = unet.attn_processors
    unet.set_attn_processor(
        {name: Keeping(kept) if "mid" not in name else AttnProcessor() for name in before}
    )
    try:
        ask(model, x, q, guided)
    finally:
        unet.set_attn_processor(before)
    cells = 4 if q.cond.pooled is not None else 1  # the little SD attends at full size alone
    rows, cols = -(-size.height // cells), -(-size.width // cells)
    right = [weights for weights in kept if weights.shape[1] == rows * cols]
    assert right
    conditional = [weights[len(weights) // 2 if guided else 0 :].mean(0) for weights in right]
    expected = torch.stack(conditional).mean(0).T.unflatten(1, (rows, cols))
    assert probe.maps is not None
    torch.testing.assert_close(probe.maps, expected, atol=1e-5, rtol=1e-4)


def everything_of(network: nn.Module) -> dict:
    return {name: copy.copy(module.__dict__) for name, module in network.named_modules()}


@pytest.mark.parametrize("failing", [False, True])
def test_a_probe_leaves_no_trace(model, failing):
    size = Size(16, 16)
    q, x = asked(model, size), normal(1, 4, 16, 16, dtype=torch.float32)
    before, answer = everything_of(model.network), ask(model, x, q)
    try:
        with Probe()(model.network, x, q):
            recorded = ask(model, x, q)
            if failing:
                raise KeyboardInterrupt
    except KeyboardInterrupt:
        assert failing
    assert torch.equal(recorded.x0, answer.x0)
    assert torch.equal(ask(model, x, q).x0, answer.x0)
    after = everything_of(model.network)
    for name, attributes in before.items():
        assert attributes.keys() == after[name].keys()
        for key, value in attributes.items():
            assert after[name][key] is value or after[name][key] == value, (name, key)


def test_what_is_kept_does_not_grow_with_the_steps(tiny_sdxl):
    size = Size(32, 32)
    q, x, probe = asked(tiny_sdxl, size), normal(1, 4, 32, 32, dtype=torch.float32), Probe()
    held = []
    for _ in range(3):
        with probe(tiny_sdxl.network, x, q):
            ask(tiny_sdxl, x, q)
        held.append(sum(v.nbytes for v in vars(probe).values() if isinstance(v, torch.Tensor)))
    assert held == [77 * 8 * 8 * 4] * 3


def test_a_probe_that_heard_nothing_has_no_maps():
    assert Probe().maps is None


@pytest.mark.parametrize(
    ("name", "count", "side"),
    [("sdxl", 50, 32), ("sd15", 5, 16), ("sd21", 5, 24)],
)
def test_in_networks_of_full_size_a_quarter_of_the_resolution_is_listened_to(name, count, side):
    """Down: two transformers of so many blocks; up: three. At SDXL, the release's 32 x 32."""
    with torch.device("meta"):
        network = UNet2DConditionModel(**ARCHITECTURES[name]["unet"])
    cells, layers = _layers(network)
    assert (len(layers), ARCHITECTURES[name]["unet"]["sample_size"] // cells) == (count, side)
    assert {layer.to_q.in_features for layer in layers} == {1280}
