"""Decoding tile by tile gives every pixel once, and the picture that decoding at once gives."""

import pickle
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw
from torch.utils._python_dispatch import TorchDispatchMode

import muralist
from muralist import MultiDiffusion, NotFinite, TileCounted, TileDone
from muralist import decode as module
from muralist import tiles as tiles_module
from muralist.canvas import Size, View
from muralist.codec import ModelCodec
from muralist.decode import decode, decoded, tiles_of
from muralist.models import Toy
from muralist.tiles import HALO, around, sample, tiled
from tests.conftest import DATA
from tests.laws.parts import Watched, counted, events, normal, toy_request


@dataclass(frozen=True)
class Wide(Watched):
    """The toy, as if it was trained at 128 x 128 cells: the least tile and its halo are that."""

    factor: int = 1

    @property
    def card(self):
        return replace(self.inner.card, native=Size(128, 128), factor=self.factor)


@pytest.fixture
def cut(monkeypatch):
    """The least budget: tiles of 88 cells a side, which see 128; or of 20, which see 60."""
    monkeypatch.setattr(module, "BUDGET", 1)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    height=st.integers(1, 400),
    width=st.integers(1, 400),
    native=st.integers(1, 200),
    budget=st.integers(1, 10**8),
)
def test_tiles_cover_the_canvas_and_none_twice(height, width, native, budget):
    card = replace(Toy().card, native=Size(native, native))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "BUDGET", budget)
        tiles = tiles_of(card, Size(height, width))
    assert (counted(Size(height, width), tiles) == 1).all()
    corners = [(tile.top, tile.left) for tile in tiles]
    assert corners == sorted(corners)


def test_a_picture_within_the_budget_is_one_tile():
    card = replace(Toy().card, decoder_width=1)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "BUDGET", 100 * 100 * 4 * module._COPIES)
        assert len(tiles_of(card, Size(100, 100))) == 1
        assert len(tiles_of(card, Size(100, 101))) > 1


@pytest.mark.parametrize("budget", [10**6, 10**7, 10**8])
def test_no_tile_is_decoded_beyond_the_budget(monkeypatch, budget):
    """With the halo around it: that is what the decoder holds."""
    monkeypatch.setattr(module, "BUDGET", budget)
    card = replace(Toy().card, native=Size(16, 16))
    size = Size(3000, 3000)
    seen = [around(tile, HALO, size) for tile in tiles_of(card, size)]
    most = max(view.height * view.width for view in seen)
    assert budget / 2 < most * card.decoder_width * 4 * module._COPIES <= budget


@pytest.mark.parametrize(
    "size", [Size(89, 40), Size(65, 200), Size(150, 97), Size(7, 300)], ids=str
)
def test_tiles_equal_the_whole_where_the_decoder_is_local(size, monkeypatch):
    latents = normal(1, 3, *size, dtype=torch.float32)
    model, whole = Wide(Toy()), decoded(Toy(), latents)
    monkeypatch.setattr(module, "BUDGET", 1)
    assert len(tiles_of(model.card, size)) == -(-size.height // 88) * -(-size.width // 88) > 1
    # where tiles fade into each other, a value between two shades may be rounded to either
    differences = decoded(model, latents).astype(int) - whole
    assert np.abs(differences).max() <= 1
    assert (differences != 0).mean() < 1e-4


class Blurry(Wide):
    """Its pixels are means over the 33 x 33 cells around them."""

    def decode(self, latents):
        ones, total = torch.ones_like(latents).double(), latents.double()
        for taps, pad in (((33, 1), (0, 0, 16, 16)), ((1, 33), (16, 16, 0, 0))):
            total, ones = (F.avg_pool2d(F.pad(each, pad), taps, stride=1) for each in (total, ones))
        mean = (total / ones).float() * 8 + 0.5
        return mean.repeat_interleave(2, -2).repeat_interleave(2, -1)


def test_a_decoder_that_looks_16_cells_around_sees_all_it_needs(cut):
    latents, model = normal(1, 3, 130, 140, dtype=torch.float32), Blurry(Toy(), factor=2)
    whole = module._shades(model.decode(latents)[0])
    tiled = decoded(model, latents)
    assert tiled.shape == (260, 280, 3)
    # a value between two shades may be rounded to either
    assert np.abs(tiled.astype(int) - whole.astype(int)).max() <= 1
    assert (tiled != whole).mean() < 1e-3
    assert whole.std() > 10


def test_pixels_are_the_decoders_rounded_and_clamped():
    latents = torch.tensor([-9.0, -2.0, 0.0, 1.0, 9.0]).expand(1, 3, 1, 5)
    assert decoded(Toy(), latents)[0, :, 0].tolist() == [0, 0, 128, 191, 255]


def test_tiles_are_told_as_they_are_decoded(cut):
    told = events(toy_request(model=Wide(Toy()), height=130, width=70, num_inference_steps=1))
    tiles = [event for event in told if isinstance(event, TileDone)]
    assert [(tile.number, tile.count) for tile in tiles] == [(1, 2), (2, 2)]


def test_tiles_are_counted_in_before_the_first_is_decoded(tiny_sdxl, cut):
    told = events(
        toy_request(MultiDiffusion(), model=tiny_sdxl, height=240, width=320, num_inference_steps=1)
    )
    counted = [event for event in told if isinstance(event, TileCounted)]
    done = [event for event in told if isinstance(event, TileDone)]
    layers = tiny_sdxl.pipe.vae.decoder.modules()
    norms = sum(isinstance(each, torch.nn.GroupNorm) for each in layers)
    places = [(event.norm, event.number, event.count) for event in counted]
    assert places == [(norm + 1, tile + 1, 4) for norm in range(norms) for tile in range(4)]
    assert told.index(counted[-1]) < told.index(done[0])
    assert len(done) == 4


def test_tiles_say_where_their_pixels_belong(cut):
    """Each ends four cells before the next one's own: there they fade into each other."""
    latents = normal(1, 3, 100, 90, dtype=torch.float32)
    places = [(tile.top, tile.left, *tile.pixels.shape) for tile in decode(Wide(Toy()), latents)]
    assert places == [
        (0, 0, 84, 84, 3),
        (0, 84, 84, 6, 3),
        (84, 0, 16, 84, 3),
        (84, 84, 16, 6, 3),
    ]


@settings(max_examples=40, deadline=None, derandomize=True)
@given(height=st.integers(1, 130), width=st.integers(1, 130), scale=st.integers(1, 3))
def test_tiles_give_every_pixel_once_in_reading_order(height, width, scale):
    latents = normal(1, 3, height, width, dtype=torch.float32)
    whole = Size(height, width)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "BUDGET", 1)
        tiles = tiles_of(Toy().card, whole)
    network, source = partial(enlarged, scale=scale), lambda view: view.crop(latents)
    done = list(tiled(network, source, tiles, whole, scale))
    assert len(done) == len(tiles)
    places = [View(one.top, one.left, *one.values.shape[-2:]) for one in done]
    assert (counted(whole.times(scale), places) == 1).all()
    assert [place[:2] for place in places] == sorted(place[:2] for place in places)
    picture = torch.zeros(1, 3, *whole.times(scale))
    for place, one in zip(places, done, strict=True):
        place.add(picture, one.values)
    torch.testing.assert_close(picture, enlarged(latents, scale))


def enlarged(latents: torch.Tensor, scale: int) -> torch.Tensor:
    return latents.repeat_interleave(scale, -2).repeat_interleave(scale, -1)


class Moody(Wide):
    """Answers brighter with every question."""

    def decode(self, latents):
        self.decoded.append(Size(*latents.shape[-2:]))
        return torch.full_like(latents, len(self.decoded) / 10)


def test_tiles_that_disagree_fade_into_each_other(cut):
    latents = torch.zeros(1, 3, 10, 100)
    (row,) = {tuple(line) for line in decoded(Moody(Toy()), latents)[:, :, 0].tolist()}
    first, second = 0.2 * 255, 0.3 * 255  # the first question was whether there are norms
    assert set(row[:84]) == {round(first)}
    assert set(row[92:]) == {round(second)}
    slope = [first + (number + 0.5) / 8 * (second - first) for number in range(8)]
    assert np.abs(np.array(row[84:92]) - slope).max() <= 0.5


class Overflowing(Watched):
    def decode(self, latents):
        return self.inner.decode(latents) * float("nan")


def test_a_decoder_that_overflows_is_an_error_with_the_remedy():
    with pytest.raises(NotFinite, match=r"decoder overflowed.*float16.*float32 or bfloat16"):
        decoded(Overflowing(Toy()), normal(1, 3, 8, 8))


def test_a_run_whose_decoder_overflows_ends_with_that_error():
    with pytest.raises(NotFinite, match="decoder overflowed"):
        events(toy_request(model=Overflowing(Toy()), height=16, width=16))


# --- with group norms --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shapes(device):
    return muralist.load("shapes", device=device, dtype=torch.float32)


def drawn(model, size: Size) -> torch.Tensor:
    """The latents of a drawing."""
    height, width = size.times(model.card.factor)
    picture = Image.new("RGB", (width, height), (40, 60, 200))
    draw = ImageDraw.Draw(picture)
    draw.ellipse((width // 4, height // 5, width * 3 // 4, height * 3 // 4), fill=(220, 40, 30))
    draw.rectangle((0, height * 5 // 6, width, height), fill=(230, 220, 90))
    return ModelCodec(model).latents(np.array(picture))


def noisy(model, size: Size) -> torch.Tensor:
    """For random weights anything is a picture."""
    slow = F.interpolate(normal(1, 4, 5, 5, dtype=torch.float32), tuple(size), mode="bicubic")
    return slow + 0.5 * normal(1, 4, *size, seed=1, dtype=torch.float32)


def seam(pixels: np.ndarray, places: list[tuple[int, int]]) -> float:
    """How much rows and columns bend where tiles begin, beside how much they do elsewhere."""
    there, elsewhere = [], []
    for axis in (0, 1):
        bends = np.abs(np.diff(pixels.astype(float), 2, axis)).mean((1 - axis, 2))
        begins = {place[axis] for place in places if place[axis]}
        for number, bend in enumerate(bends):  # between pixels number and number + 2
            (there if begins & {number + 1, number + 2} else elsewhere).append(bend)
    return float(np.mean(there) / np.mean(elsewhere))


CASES = {
    # model, latents, size; the largest and the mean difference allowed, in shades of 255
    "shapes": ("shapes", drawn, Size(64, 64), 1, 0.001),
    "shapes, ragged": ("shapes", drawn, Size(47, 83), 1, 0.001),
    "shapes, a cell left over": ("shapes", drawn, Size(41, 81), 1, 0.001),
    # a tile's attention, with weights that say nothing, sees the tile alone
    "random weights": ("tiny_sdxl", noisy, Size(48, 48), 35, 1.2),
    "random weights, ragged": ("tiny_sdxl", noisy, Size(45, 61), 35, 1.2),
    "random weights, a cell left over": ("tiny_sdxl", noisy, Size(41, 61), 35, 1.2),
}


@pytest.fixture(params=CASES)
def case(request):
    name, latents, size, most, mean = CASES[request.param]
    model = request.getfixturevalue(name)
    return model, latents(model, size), most, mean


def differences(model, latents, monkeypatch):
    """Between tiles and the whole: the largest, the mean, a line's, and the ratio of seams."""
    whole = decoded(model, latents)
    monkeypatch.setattr(module, "BUDGET", 1)
    tiles = list(decode(model, latents))
    assert len(tiles) >= 6
    ours, places = np.empty_like(whole), [(tile.top, tile.left) for tile in tiles]
    for tile in tiles:
        module.place(ours, tile)
    apart = np.abs(ours.astype(int) - whole)
    lines = [np.abs(ours.mean(axis) - whole.mean(axis)).max() for axis in (0, 1)]
    return apart.max(), apart.mean(), max(lines), seam(ours, places) / seam(whole, places)


def test_tiles_are_the_whole_within_a_stated_error(case, monkeypatch):
    model, latents, most, mean = case
    largest, average, line, seams = differences(model, latents, monkeypatch)
    assert largest <= most
    assert average <= mean
    assert line <= 6, "no row and no column is darker or lighter"
    assert abs(seams - 1) <= 0.02


def test_statistics_of_a_sample_are_nearly_those_of_the_whole(shapes, monkeypatch):
    """Of 25 windows of 20x20 cells: half of the canvas."""
    monkeypatch.setattr(tiles_module, "_SAMPLE", 25)
    largest, average, line, seams = differences(shapes, drawn(shapes, Size(130, 150)), monkeypatch)
    assert largest <= 6
    assert average <= 1.5
    assert line <= 4
    assert abs(seams - 1) <= 0.02


@settings(max_examples=60, deadline=None, derandomize=True)
@given(height=st.integers(1, 3000), width=st.integers(1, 3000), side=st.integers(20, 400))
def test_a_sample_is_spread_over_the_canvas_and_costs_less_than_all_tiles(height, width, side):
    size = Size(height, width)
    tiles = [
        View(top, left, min(side, height - top), min(side, width - left))
        for top in range(0, height, side)
        for left in range(0, width, side)
    ]
    views = sample(tiles, size)
    if views is tiles:
        return
    assert seen_by(views, size) < seen_by(tiles, size)
    assert len(views) <= 64
    times = counted(size, views)
    assert times.max() == 1
    if height <= 256 and width <= 256:
        assert times.min() == 1, "a small canvas is counted in full"
    quarters = times[: height // 2], times[height // 2 :], times[:, : width // 2]
    assert all(part.sum() for part in quarters if min(part.shape) >= 64)


def seen_by(views, size):
    seen = [around(view, HALO, size) for view in views]
    return sum(view.height * view.width for view in seen)


def uncounted(*_):
    """In the place of statistics: each tile is normalised by itself."""
    return ()
    yield


def test_tiles_normalised_each_by_itself_are_not(case, monkeypatch):
    """The bounds above are bounds on something."""
    model, latents, most, mean = case
    monkeypatch.setattr(tiles_module, "statistics", uncounted)
    largest, average, *_ = differences(model, latents, monkeypatch)
    assert largest > 1.5 * most
    assert average > 1.5 * mean


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_tiles_of_a_model_in_half_precision_are_its_whole(dtype, device, monkeypatch):
    model = muralist.load(str(DATA / "tiny-sdxl"), device=device, dtype=dtype)
    latents = noisy(model, Size(30, 45))
    vae = model.pipe.vae
    assert vae.dtype == dtype
    whole = decoded(model, latents)
    monkeypatch.setattr(module, "BUDGET", 1)
    apart = np.abs(decoded(model, latents).astype(int) - whole)
    assert apart.max() <= 35
    assert apart.mean() <= 1.5
    assert vae.dtype == dtype, "one that decodes in float32 is given back as it was"
    assert {each.dtype for each in vae.parameters()} == {dtype}


def test_tiles_that_the_pipeline_would_cut_itself_are_put_off(tiny_sdxl, cut):
    """They would be normalised each by itself."""
    vae, latents = tiny_sdxl.pipe.vae, noisy(tiny_sdxl, Size(48, 40))
    expected = decoded(tiny_sdxl, latents)
    vae.enable_tiling()
    try:
        with torch.no_grad():
            cut_by_itself = vae.decode(latents.to(vae.device)).sample
        assert np.array_equal(decoded(tiny_sdxl, latents), expected)
        assert vae.use_tiling
    finally:
        vae.disable_tiling()
    assert not torch.allclose(vae.decode(latents.to(vae.device)).sample, cut_by_itself, atol=1e-3)


def test_a_picture_looked_at_while_tiles_come_changes_neither(tiny_sdxl, cut):
    """Between two tiles the decoder is anybody's."""
    latents, other = noisy(tiny_sdxl, Size(30, 30)), noisy(tiny_sdxl, Size(12, 25))
    expected, seen = list(decode(tiny_sdxl, latents)), decoded(tiny_sdxl, other)
    for tile, alone in zip(decode(tiny_sdxl, latents), expected, strict=True):
        assert np.array_equal(tile.pixels, alone.pixels)
        assert np.array_equal(decoded(tiny_sdxl, other), seen)


class Largest(TorchDispatchMode):
    """Notes how many values the largest tensor has that anything computes."""

    values = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        answer = func(*args, **(kwargs or {}))
        for each in answer if isinstance(answer, tuple | list) else (answer,):
            if isinstance(each, torch.Tensor):
                self.values = max(self.values, each.numel())
        return answer


def test_what_is_computed_at_once_does_not_grow_with_the_picture(tiny_sdxl, cut, monkeypatch):
    monkeypatch.setattr(tiles_module, "_SAMPLE", 4)
    largest, asked = [], []
    for size in (Size(60, 60), Size(60, 110)):
        watched, latents = Watched(tiny_sdxl), noisy(tiny_sdxl, size)
        with Largest() as seen:
            tiles = sum(1 for _ in decode(watched, latents))
        largest.append(seen.values)
        asked.append(len(watched.decoded) - tiles)
        assert max(watched.decoded) == (60, 60)
    assert largest[0] == largest[1]
    layers = tiny_sdxl.pipe.vae.decoder.modules()
    norms = sum(isinstance(each, torch.nn.GroupNorm) for each in layers)
    assert asked == [4 * norms + 1] * 2, "each norm in a sample; once more: there is none left"


def test_a_picture_that_fits_is_decoded_once_and_as_it_is(tiny_sdxl):
    watched, latents = Watched(tiny_sdxl), noisy(tiny_sdxl, Size(48, 40))
    with torch.no_grad():
        expected = module._shades(tiny_sdxl.decode(latents)[0])
    assert np.array_equal(decoded(watched, latents), expected)
    assert watched.decoded == [Size(48, 40)]


# --- in a float16 that overflows ---------------------------------------------------------------


@pytest.fixture
def half(device):
    """SDXL's classes in float16, whose VAE is marked as one that overflows in it."""
    model = muralist.load(str(DATA / "tiny-sdxl"), device=device, dtype=torch.float16)
    assert model.pipe.vae.config.force_upcast
    return model


def kinds(model) -> set[torch.dtype]:
    return {each.dtype for each in model.pipe.vae.parameters()}


@pytest.fixture
def conversions(monkeypatch):
    """What an autoencoder is converted to, one after another."""
    noted, to = [], torch.nn.Module.to

    def watched(self, *given, **named):
        if type(self).__name__ == "AutoencoderKL":
            noted.append(given[0])
        return to(self, *given, **named)

    monkeypatch.setattr(torch.nn.Module, "to", watched)
    return noted


def test_such_a_vae_is_converted_once_for_all_tiles(half, cut, conversions):
    codec = ModelCodec(half)
    picture = codec.picture(noisy(half, Size(25, 45)))
    assert conversions == [torch.float32, torch.float16]
    codec.latents(picture)
    assert conversions == [torch.float32, torch.float16] * 2
    assert kinds(half) == {torch.float16}


def test_such_a_vae_is_given_back_when_nobody_waits_for_the_other_tiles(half, cut):
    tiles = decode(half, noisy(half, Size(25, 45)))
    next(tiles)
    assert kinds(half) == {torch.float32}
    tiles.close()
    assert kinds(half) == {torch.float16}


def test_such_a_vae_is_given_back_when_decoding_fails(half, cut):
    with pytest.raises(NotFinite):
        decoded(half, noisy(half, Size(25, 45)) * float("nan"))
    assert kinds(half) == {torch.float16}


@pytest.mark.parametrize("first_ends_first", [True, False])
def test_such_a_vae_serves_two_pictures_at_once(half, cut, first_ends_first):
    latents = [noisy(half, Size(25, 45)), noisy(half, Size(25, 30))]
    alone = [decoded(half, each) for each in latents]
    one, other = (decode(half, each) for each in latents)
    pictures = [np.empty_like(each) for each in alone]
    for tiles, picture in ((one, pictures[0]), (other, pictures[1])):
        module.place(picture, next(tiles))
    rest = [(one, pictures[0]), (other, pictures[1])]
    for tiles, picture in rest if first_ends_first else rest[::-1]:
        for tile in tiles:
            module.place(picture, tile)
    assert all(map(np.array_equal, pictures, alone))
    assert kinds(half) == {torch.float16}


# --- spread ------------------------------------------------------------------------------------


class Elsewhere:
    """A `map` whose functions, orders and answers travel as bytes; it notes how many of them."""

    def __init__(self) -> None:
        self.orders: list[int] = []
        self.answers: list[int] = []

    def __call__(self, function, orders):
        function = pickle.dumps(function)
        for order in orders:
            self.orders.append(len(packed := pickle.dumps(order)))
            answer = pickle.dumps(pickle.loads(function)(pickle.loads(packed)))
            self.answers.append(len(answer))
            yield pickle.loads(answer)


def test_tiles_may_be_computed_elsewhere(cut):
    model, latents = Wide(Toy()), normal(1, 3, 150, 200, dtype=torch.float32)
    there = Elsewhere()
    assert np.array_equal(decoded(model, latents, spread=there), decoded(model, latents))
    here, away = ModelCodec(model), ModelCodec(model, spread=there)
    picture = here.picture(latents)
    assert torch.equal(here.latents(picture), away.latents(picture))


def test_only_what_is_seen_travels_and_what_is_meant_comes_back(cut):
    """A tile sees at most 128 x 128 cells, of which 96 x 96 are meant; pixels go as bytes."""
    model, latents = Wide(Toy()), normal(1, 3, 300, 300, dtype=torch.float32)
    there, more = Elsewhere(), 3000  # bytes around the values
    picture = decoded(model, latents, spread=there)
    assert len(there.orders) == 1 + 16
    assert max(there.orders) <= 128 * 128 * 3 * 4 + more
    assert max(there.answers) <= 96 * 96 * 3 * 4 + more
    back = Elsewhere()
    ModelCodec(model, spread=back).latents(picture)
    assert max(back.orders) <= 128 * 128 * 3 + more


def test_orders_are_made_when_they_are_asked_for(cut):
    taken = []

    def watched(function, orders):
        for order in orders:
            taken.append(order)
            yield function(order)

    tiles = decode(Wide(Toy()), normal(1, 3, 300, 300, dtype=torch.float32), watched)
    for number, _ in enumerate(tiles, start=1):
        assert len(taken) == 1 + number  # the first question was whether there are norms


def test_norms_counted_elsewhere_are_the_same(shapes, cut):
    """Their moments travel, not the network, which this `map` leaves where it is."""

    def there(function, orders):
        for order in orders:
            yield pickle.loads(pickle.dumps(function(pickle.loads(pickle.dumps(order)))))

    latents = normal(1, 4, 25, 45, dtype=torch.float32)
    assert np.array_equal(decoded(shapes, latents, spread=there), decoded(shapes, latents))
