"""Canvases beget canvases where they are, and what is done strip by strip is done as if at once."""

import errno
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

import muralist
from muralist import Ticked
from muralist.canvas import Size
from muralist.codec import Latents
from muralist.denoisers import Relay, Shuffled, Tiled
from muralist.fuse import FirstOwner, mean
from muralist.guides import Blur, Reference, Residual
from muralist.query import Estimate, seeded
from muralist.solvers.pairs import DPMSolverPP2M, ddim
from muralist.solvers.schedule import Constant
from muralist.stage import bicubic, match_statistics
from muralist.strips import blank, cellwise, copied, mapped, strips
from muralist.views import Cover, Strided
from tests.laws.parts import METHODS, NO_TEXT, network, normal, painted, query, steps, toy_request

SIZES = [Size(7, 5), Size(16, 9), Size(31, 40)]
STEP = steps()[2]


@pytest.fixture(autouse=True)
def few_rows(monkeypatch):
    """Strips of a few hundred bytes: canvases of the sizes above are many of them."""
    monkeypatch.setattr("muralist.strips.STRIP", 900)


def folder_of(canvas: torch.Tensor) -> Path | None:
    name = canvas.untyped_storage().filename
    return None if name is None else Path(name).parent


# --- where canvases are ------------------------------------------------------------------------


def test_a_mapped_canvas_has_room_but_no_name(tmp_path):
    canvas = mapped(1, 2, 3, 4, folder=tmp_path, dtype=torch.float32)
    assert not canvas.any()
    assert folder_of(canvas) == tmp_path
    assert list(tmp_path.iterdir()) == []


def test_a_canvas_begets_others_where_it_is(tmp_path):
    on_disk = mapped(1, 3, 8, 8, folder=tmp_path, dtype=torch.float32)
    in_memory = torch.ones(1, 3, 8, 8, dtype=torch.float64)
    window = on_disk[..., 2:5, 1:]
    assert folder_of(blank(on_disk)) == folder_of(blank(window, 2, 2)) == tmp_path
    assert folder_of(blank(in_memory)) is None
    made = blank(window, 1, 4, 2, dtype=torch.int16)
    assert (made.shape, made.dtype, bool(made.any())) == ((1, 4, 2), torch.int16, False)
    assert torch.equal(copied(in_memory, on_disk), on_disk + 1)
    assert copied(in_memory, on_disk).dtype == torch.float32


def test_a_folder_that_is_not_there_yet_is_the_one_above(tmp_path):
    canvas = mapped(4, folder=tmp_path / "new" / "folder", dtype=torch.float32)
    assert folder_of(canvas) == tmp_path


def test_a_full_disk_is_an_error_that_says_so(tmp_path, monkeypatch):
    def full(file, count):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("muralist.strips.reserve", full)
    with pytest.raises(OSError, match=r"cannot hold 2,048\.0 MiB of canvas: No space left"):
        mapped(1, 4, 1 << 27, folder=tmp_path, dtype=torch.float32)
    assert list(tmp_path.iterdir()) == []


def test_a_run_on_a_full_disk_ends_before_it_begins(tmp_path, monkeypatch):
    def full(file, count):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("muralist.strips.reserve", full)
    with pytest.raises(OSError, match=r"cannot hold .* of canvas: No space left"):
        list(muralist.generate(toy_request(canvas="disk"), spool=tmp_path, job=tmp_path / "job"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_canvases_on_the_disk_lie_in_the_spool_folder_and_leave_nothing(method, tmp_path):
    request = toy_request(method, canvas="disk", height=40, width=32)
    for event in muralist.generate(request, spool=tmp_path):
        if isinstance(event, Ticked):
            assert folder_of(event.latents) == folder_of(event.x0) == tmp_path
            assert list(tmp_path.iterdir()) == []
    assert {folder_of(stage.latents) for stage in event.picture.stages} == {tmp_path}


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_the_picture_is_the_same_wherever_and_in_whatever_strips(method, monkeypatch):
    request = toy_request(method, height=48, width=40)
    stripped = [painted(replace(request, canvas=place)) for place in ("device", "ram", "disk")]
    monkeypatch.setattr("muralist.strips.STRIP", 1 << 30)
    whole = painted(replace(request, canvas="device"))
    assert all(torch.equal(each.latents, whole.latents) for each in stripped)


@pytest.mark.parametrize("solver", ["ddim", "dpmpp2m"])
def test_a_run_on_the_disk_is_taken_up_on_the_disk(solver, tmp_path):
    request = toy_request(canvas="disk", height=32, width=32, solver=solver)
    for event in muralist.generate(request, job=tmp_path / "job"):
        if isinstance(event, Ticked) and (event.stage, event.step) == (2, 2):
            break
    for event in muralist.generate(request, job=tmp_path / "job", spool=tmp_path):
        if isinstance(event, Ticked):
            assert folder_of(event.latents) == tmp_path
    assert torch.equal(event.picture.latents, painted(request).latents)


@pytest.mark.parametrize("place", ["ram", "disk"])
def test_noise_drawn_into_its_place_is_what_torch_draws_at_once(place):
    """Sides of 16 and more and less, as torch draws them differently."""

    def at_once(purpose, shape):
        return torch.randn(shape, generator=seeded(request.seed, f"noise/{purpose}"))

    for height, width in ((3, 1), (37, 21), (40, 32)):
        request = toy_request(height=height, width=width, canvas=place)
        for drawn, told in zip(
            muralist.generate(request), muralist.generate(request, noise=at_once), strict=True
        ):
            if isinstance(drawn, Ticked) and isinstance(told, Ticked):
                assert torch.equal(drawn.latents, told.latents)


# --- strips ------------------------------------------------------------------------------------


@given(height=st.integers(1, 300), width=st.integers(1, 60), step=st.integers(1, 7))
def test_strips_are_all_rows_in_order_and_as_large_as_allowed(height, width, step):
    canvas = torch.empty(1, 2, height, width)
    found = strips(canvas, step)
    assert [row for rows in found for row in range(rows.start, rows.stop)] == list(range(height))
    row = 2 * width * 4
    for rows in found:
        assert rows.start % step == 0
        assert (rows.stop - rows.start) * row <= max(900, step * row)
    if len(found) > 1:
        assert (found[0].stop + step) * row > 900  # another `step` rows were too many


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_what_is_made_cell_by_cell_is_shown_no_more_than_a_strip(size):
    x, y = normal(1, 3, *size), normal(1, 3, *size, seed=1)
    shown = []

    def make(a, b, factor):
        shown.append(a.nbytes)
        return torch.tanh(a) * b + factor

    assert torch.equal(cellwise(make, x, y, 0.5), torch.tanh(x) * y + 0.5)
    assert max(shown) <= max(900, x.nbytes // size.height)
    assert sum(shown) == x.nbytes


# --- what is done in strips, against plain computations of the whole -----------------------------


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_solvers(size):
    x, x0, before = (normal(1, 3, *size, seed=seed) for seed in range(3))
    s = STEP
    led = s.alpha_next * x0 + s.sigma_next * (x - s.alpha * x0) / s.sigma
    made, _ = ddim(Estimate(x, x0), query(size, s))
    torch.testing.assert_close(made, led, rtol=1e-12, atol=1e-12)
    h, last = (
        torch.log(torch.tensor(to.alpha / to.sigma, dtype=torch.float64)) for to in (s, steps()[1])
    )
    ahead = torch.log(torch.tensor(s.alpha_next / s.sigma_next, dtype=torch.float64))
    ratio = (h - last) / (ahead - h)
    data = (1 + 1 / (2 * ratio)) * x0 - before / (2 * ratio)  # Lu et al., 2022, alg. 2
    expected = s.sigma_next / s.sigma * x - s.alpha_next * torch.expm1(h - ahead) * data
    memory = {"x0": before, "log_snr": float(last)}
    made, memory = DPMSolverPP2M()(Estimate(x, x0), query(size, s), memory)
    torch.testing.assert_close(made, expected, rtol=1e-9, atol=1e-9)
    assert memory["x0"] is x0


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_estimates_and_references(size):
    x, x0, other, noise = (normal(1, 3, *size, seed=seed) for seed in range(4))
    moved = Estimate(x, x0).moved_to(other, STEP)
    torch.testing.assert_close(moved.x0, x0 + (other - x) * STEP.carry)
    mixed = Estimate(x, x0).lerp(Estimate(other, noise), 0.3)
    torch.testing.assert_close(mixed.x, 0.7 * x + 0.3 * other)
    torch.testing.assert_close(mixed.x0, 0.7 * x0 + 0.3 * noise)
    board = torch.rand(1, 1, *size, dtype=torch.float64).round()
    chosen = Estimate(x, x0).lerp(Estimate(other, noise), board)
    torch.testing.assert_close(chosen.x, torch.where(board > 0, other, x))
    level = STEP.alpha * x0 + STEP.sigma * noise
    torch.testing.assert_close(Reference(x0, noise).at(STEP).x, level)
    pulled = Residual(Reference(x0, noise), Constant(0.25))(x, query(size, STEP))
    torch.testing.assert_close(pulled, 0.75 * x + 0.25 * level)


@pytest.mark.parametrize("sigma", [0.05, 0.8, 3.0])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_a_blur_is_a_convolution_that_keeps_mean_and_spread(size, sigma):
    radius, x = 4, normal(1, 3, *size)
    at = torch.arange(-radius, radius + 1, dtype=torch.float64)
    taps = torch.exp(-0.5 * (at / sigma) ** 2)
    kernel = (taps[:, None] * taps / taps.sum() ** 2).expand(3, 1, -1, -1)
    y = F.conv2d(x, kernel, padding=radius, groups=3)
    expected = (y - y.mean()) / y.std() * x.std() + x.mean()
    blurred = Blur(radius, Constant(sigma))(x, query(size))
    torch.testing.assert_close(blurred, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_statistics_of_a_stage_are_those_of_the_first(size):
    x, first = 3 * normal(1, 3, *size) + 1, 0.5 * normal(1, 3, 4, 4, seed=1) - 2
    made = match_statistics(x, Latents(None, first))
    torch.testing.assert_close(made.mean(), first.mean())
    torch.testing.assert_close(made.std(), first.std())
    torch.testing.assert_close((made - made.mean()) / made.std(), (x - x.mean()) / x.std())


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_enlarging_into_a_place_is_interpolation(size, tmp_path):
    x = normal(1, 3, 6, 7, dtype=torch.float32)
    expected = F.interpolate(x, size=tuple(size), mode="bicubic", align_corners=False)
    on_disk = bicubic(
        Latents(None, copied(x, mapped(1, folder=tmp_path, dtype=x.dtype))), size, None
    )
    assert torch.equal(bicubic(Latents(None, x), size, None), expected)
    assert torch.equal(on_disk, expected)
    assert folder_of(on_disk) == tmp_path


@pytest.mark.parametrize("fuse", [mean, FirstOwner(2)], ids=["mean", "first owner"])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_fusions_answer_where_the_canvas_is_and_as_it_is(size, fuse, tmp_path):
    x = normal(1, 3, *size, dtype=torch.bfloat16)
    tiled = Tiled(network, Cover(Size(5, 4), 2), fuse)
    place = mapped(1, folder=tmp_path, dtype=torch.bfloat16)
    in_memory, on_disk = (tiled(each, query(size)) for each in (x, copied(x, place)))
    for mine, its in zip(in_memory, on_disk, strict=True):
        assert torch.equal(mine, its)
        assert mine.dtype == its.dtype == torch.bfloat16
        assert (folder_of(mine), folder_of(its)) == (None, tmp_path)


@pytest.mark.parametrize("k", [2, 3, 5])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_shuffling_by_bands_is_shuffling(size, k, monkeypatch, tmp_path):
    x = normal(1, 3, *size)
    part, asked = Shuffled(Tiled(network, Strided(k)), k), query(size, cond=NO_TEXT)
    in_bands = part(x, asked)
    on_disk = part(copied(x, mapped(1, folder=tmp_path, dtype=x.dtype)), asked)
    monkeypatch.setattr("muralist.strips.STRIP", 1 << 30)
    at_once = part(x, asked)
    for mine, its, whole in zip(in_bands, on_disk, at_once, strict=True):
        assert torch.equal(mine, whole)
        assert torch.equal(its, whole)
        assert folder_of(its) == tmp_path


def test_windows_one_after_another_make_no_files(tmp_path, monkeypatch):
    """A relay makes three canvases, however many windows it works on."""
    size, made = Size(24, 20), []

    def counted(*shape, **where):
        made.append(shape)
        return mapped(*shape, **where)

    x = copied(normal(1, 3, *size), mapped(1, folder=tmp_path, dtype=torch.float64))
    relay = Relay(network, lambda x, q: x, Cover(Size(6, 6), 2), FirstOwner(2))
    monkeypatch.setattr("muralist.strips.mapped", counted)
    relay(x, query(size))
    assert made == [(1, 3, *size)] * 3
