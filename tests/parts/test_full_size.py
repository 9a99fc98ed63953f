"""Networks of full size on tensors without data: shapes fit, and the probe finds its layers."""

from dataclasses import replace

import pytest
import torch

from muralist.canvas import Size, View
from muralist.models import card
from muralist.models.weightless import weightless
from muralist.patches import Probe
from muralist.patches.probe import _layers
from tests.laws.parts import query


@pytest.fixture(scope="module", params=["sd15", "sd21", "sdxl"])
def full(request):
    """A family's name, and its networks."""
    return request.param, weightless(request.param, card(request.param), torch.float16)


PARAMETERS = {  # as their model cards and papers count them, in millions
    "sd15": {"unet": 859.5, "vae": 83.7, "text_encoder": 123.1},
    "sd21": {"unet": 865.9, "vae": 83.7, "text_encoder": 340.4},
    "sdxl": {"unet": 2567.5, "vae": 83.7, "text_encoder": 123.1, "text_encoder_2": 694.7},
}


def test_networks_have_as_many_weights_as_the_published_ones(full):
    name, known = full
    counted = {
        part: sum(each.numel() for each in network.parameters()) / 1e6
        for part, network in known.networks.items()
    }
    assert counted == pytest.approx(PARAMETERS[name], abs=0.06)


def test_a_network_answers_two_views_with_their_shape(full):
    name, known = full
    facts = card(name)
    views = (View(0, 0, *facts.native), View(0, 64, *facts.native))
    x = torch.empty(2, facts.channels, *facts.native, device="meta")
    q = replace(query(facts.native.times(2)), cond=known.cond).at(views)
    with torch.no_grad():
        answer = known.model(x, q)
    assert answer.x0.shape == x.shape
    assert answer.x0.device.type == "meta"


def test_a_decoder_makes_eight_pixels_a_cell(full):
    _, known = full
    with torch.no_grad():
        pixels = known.model.decode(torch.empty(1, 4, 16, 24, device="meta"))
    assert pixels.shape == (1, 3, 128, 192)


LISTENED = {  # cells a side that attention is heard at, and how many layers there are
    "sd15": (4, 5),  # levels of 1, 2 and 4: two layers down and three up, of one block each
    "sd21": (4, 5),
    "sdxl": (4, 50),  # the last level: ten blocks in each of two layers down and three up
}


def test_the_probe_listens_at_a_quarter_of_the_latents(full):
    name, known = full
    cells, layers = _layers(known.networks["unet"])
    assert (cells, len(layers)) == LISTENED[name]
    width = known.networks["unet"].config.cross_attention_dim
    assert {layer.to_k.in_features for layer in layers} == {width}


def test_the_probe_records_the_layers_it_listens_to(full):
    name, known = full
    facts = card(name)
    x = torch.empty(1, facts.channels, *facts.native, device="meta")
    probe, q = Probe(), replace(query(facts.native), cond=known.cond)
    with torch.no_grad(), probe(known.networks["unet"], x, q):
        known.model(x, q)
    total, count = probe.state()["total"], int(probe.state()["count"])
    assert total.shape == (77, *Size(*(side // 4 for side in facts.native)))
    assert count == LISTENED[name][1]


def test_conditioning_is_as_wide_as_the_network_reads(full):
    name, known = full
    unet = known.networks["unet"]
    assert known.cond.embeds.shape == (1, 77, unet.config.cross_attention_dim)
    encoders = [known.networks[part] for part in known.networks if part.startswith("text")]
    assert sum(each.config.hidden_size for each in encoders) == unet.config.cross_attention_dim
    assert (known.cond.pooled is None) == (name != "sdxl")
    if name == "sdxl":
        assert known.cond.pooled.shape == (1, encoders[1].config.projection_dim)
