"""Group norms over the parts of a picture: what is counted, what is applied, and no trace."""

import copy
import random
from functools import reduce
from operator import add

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from muralist.canvas import Size, View
from muralist.patches import Statistics, met_after, normed_by
from muralist.tiles import around
from tests.laws.parts import normal

WHOLE = Size(24, 31)
PARTS = [View(top, left, 8, min(7, 31 - left)) for top in (0, 8, 16) for left in range(0, 31, 7)]
REACH = 5  # cells that the network's convolutions look around, all together


@pytest.fixture
def network() -> nn.Sequential:
    """Three norms between convolutions, with another resolution in between."""
    torch.manual_seed(0)
    made = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.GroupNorm(4, 8),
        nn.SiLU(),
        nn.Conv2d(8, 8, 3, padding=1),
        nn.GroupNorm(2, 8),
        nn.SiLU(),
        nn.Upsample(scale_factor=2, mode="nearest"),
        nn.Conv2d(8, 8, 3, padding=1),
        nn.GroupNorm(8, 8, eps=1e-3),
        nn.Conv2d(8, 3, 3, padding=1),
    ).double()
    for layer in made:
        if isinstance(layer, nn.GroupNorm):
            nn.init.normal_(layer.weight)
            nn.init.normal_(layer.bias)
    return made.requires_grad_(False)


def met_by(network: nn.Module, x: torch.Tensor) -> list[Statistics]:
    """What each norm of a network meets when it sees x whole, by hooks on its modules."""
    met = []

    def listen(norm, args):
        values = args[0].double().reshape(norm.num_groups, -1)
        met.append(Statistics(values.mean(1).cpu(), values.var(1, correction=0).cpu()))

    norms = [each for each in network.modules() if isinstance(each, nn.GroupNorm)]
    handles = [norm.register_forward_pre_hook(listen) for norm in norms]
    network(x)
    for handle in handles:
        handle.remove()
    return met


def met_in(known, network, x, seen: View, part: View):
    """What the next norm meets in a part of x, of which the network sees more."""
    own = part.moved(-seen.top, -seen.left)
    return met_after(known, lambda: network(seen.crop(x)), Size(*seen[2:4]), own)


def counted(network, x, known=(), parts=PARTS) -> Statistics:
    """What the next norm meets over parts of x."""
    met = []
    for part in parts:
        seen = around(part, REACH, WHOLE)
        met.append(met_in(known, network, x, seen, part))
    return reduce(add, met).statistics


def same(ours: Statistics, theirs: Statistics, tolerance=1e-6) -> bool:
    return all(
        torch.allclose(one, other, rtol=tolerance, atol=tolerance)
        for one, other in zip(ours, theirs, strict=True)
    )


def test_the_first_norm_is_counted_exactly_over_parts_of_the_picture(network):
    x = normal(1, 3, *WHOLE)
    assert same(counted(network, x), met_by(network, x)[0])


def test_norms_counted_one_after_the_other_are_all_exact(network):
    x = normal(1, 3, *WHOLE)
    known: list[Statistics] = []
    for expected in met_by(network, x):
        known.append(counted(network, x, known))
        assert same(known[-1], expected)
    assert len(known) == 3
    assert met_after(known, lambda: network(x), WHOLE, View(0, 0, *WHOLE)) is None


def test_a_norm_after_one_that_is_not_the_pictures_is_counted_wrongly(network):
    """So that the last test can fail: each part normalised by itself is something else."""
    x = normal(1, 3, *WHOLE)
    met = []
    for part in PARTS:
        seen = around(part, REACH, WHOLE)
        own = met_by(network, seen.crop(x))[:1]
        met.append(met_in(own, network, x, seen, part))
    assert not same(reduce(add, met).statistics, met_by(network, x)[1], 1e-3)


def test_with_the_pictures_statistics_a_part_is_what_the_whole_has_there(network):
    x = normal(1, 3, *WHOLE)
    whole, known = network(x), met_by(network, x)
    for part in PARTS:
        seen = around(part, REACH, WHOLE)
        inner = part.moved(-seen.top, -seen.left).times(2)
        with normed_by(known):
            ours = inner.crop(network(seen.crop(x)))
        torch.testing.assert_close(ours, part.times(2).crop(whole))
        assert not torch.allclose(inner.crop(network(seen.crop(x))), ours, atol=1e-2)


def test_the_order_of_the_parts_does_not_matter(network):
    x = normal(1, 3, *WHOLE)
    shuffled = random.Random(0).sample(PARTS, len(PARTS))
    assert same(counted(network, x), counted(network, x, (), shuffled), tolerance=1e-12)


def test_a_network_is_left_at_the_norm_that_is_counted(network):
    reached, x, whole = [], normal(1, 3, *WHOLE), View(0, 0, *WHOLE)
    for number, layer in enumerate(network):
        layer.register_forward_hook(lambda *_, number=number: reached.append(number))
    met_after((), lambda: network(x), WHOLE, whole)
    assert reached == [0]
    known = met_by(network, x)
    reached.clear()
    met_after(known[:2], lambda: network(x), WHOLE, whole)
    assert reached == list(range(8))


@pytest.mark.parametrize(
    ("dtype", "rounding"),
    [
        (torch.float64, 1e-12),
        (torch.float32, 1e-5),
        (torch.bfloat16, 2**-8),
        (torch.float16, 2**-11),
    ],
    ids=str,
)
@pytest.mark.parametrize("shape", [(1, 6, 5, 4), (2, 6, 20)], ids=str)
def test_a_norm_with_given_statistics_is_an_affine_map(shape, dtype, rounding):
    """In half precision too it is computed as if in float32, and rounded once at the end."""
    x = (3 * normal(*shape) + 40).to(dtype)
    weight, bias = normal(6, seed=1).to(dtype), normal(6, seed=2).to(dtype)
    given = Statistics(torch.tensor([39.0, 41.0]).double(), torch.tensor([9.0, 4.0]).double())
    with normed_by([given]):
        ours = F.group_norm(x, 2, weight=weight, bias=bias, eps=0.5)
    mean, variance, weight, bias = (
        each.double().view(-1, *[1] * (x.ndim - 2))
        for each in (*(each.repeat_interleave(3) for each in given), weight, bias)
    )
    expected = (x.double() - mean) / (variance + 0.5).sqrt() * weight + bias
    assert ours.dtype == dtype
    absolute = min(rounding, 1e-5)
    torch.testing.assert_close(ours.double(), expected, rtol=rounding, atol=absolute)


def test_norms_after_those_given_take_their_own():
    x = normal(1, 4, 6, 6) + 3
    with normed_by([Statistics(torch.zeros(1).double(), torch.ones(1).double())]):
        first, second = F.group_norm(x, 1, eps=0), F.group_norm(x, 1, eps=0)
    torch.testing.assert_close(first, x)
    assert abs(second.mean()) < 1e-12


def everything_of(network: nn.Module) -> dict:
    return {name: copy.copy(module.__dict__) for name, module in network.named_modules()}


class Stopped(Exception):
    pass


@pytest.mark.parametrize("failing", [False, True])
def test_no_trace_is_left(network, failing):
    x = normal(1, 3, *WHOLE)
    before, answer, known = everything_of(network), network(x), met_by(network, x / 2 + 1)

    def run():
        network(x)
        if failing:
            raise Stopped

    try:
        with normed_by(known):
            assert not torch.equal(network(x), answer)
            run()
    except Stopped:
        assert failing
    try:
        for count in range(4):  # at each of the norms, and past the last
            met_after(known[:count], run, WHOLE, View(0, 0, *WHOLE))
    except Stopped:
        assert failing
    assert torch.equal(network(x), answer)
    after = everything_of(network)
    for name, attributes in before.items():
        assert attributes.keys() == after[name].keys()
        for key, value in attributes.items():
            assert after[name][key] is value or after[name][key] == value, (name, key)


def test_all_norms_of_a_decoder_and_an_encoder_are_met(tiny_sdxl):
    """Those in attention too, whose maps come without rows and columns."""
    vae, size, cells = tiny_sdxl.pipe.vae, Size(12, 10), View(0, 0, 12, 10)
    latents = normal(1, 4, 12, 10, dtype=torch.float32)
    pixels = torch.rand(1, 3, 96, 80, generator=torch.Generator().manual_seed(0))
    for part, ask in (
        (vae.decoder, lambda: tiny_sdxl.decode(latents)),
        (vae.encoder, lambda: tiny_sdxl.encode_pixels(pixels)),
    ):
        known: list[Statistics] = []
        with torch.no_grad():
            while met := met_after(known, ask, size, cells):
                known.append(met.statistics)
            scaled = (latents / vae.config.scaling_factor).to(vae.device)
            colours = 2 * pixels.to(vae.device) - 1
            theirs = met_by(part, colours if part is vae.encoder else vae.post_quant_conv(scaled))
        assert len(known) == len(theirs) > 8
        for pair in zip(known, theirs, strict=True):
            assert same(*pair, tolerance=1e-4)
