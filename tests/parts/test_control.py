"""ControlNets see what lies under each view, and hold as in diffusers' own pipelines."""

import json
from dataclasses import dataclass, replace
from functools import partial

import diffusers
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

import muralist
from muralist import (
    AccDiffusion,
    AccDiffusion2,
    BadRequest,
    DemoFusion,
    MultiDiffusion,
    Request,
    Ticked,
    UnsupportedModel,
)
from muralist.canvas import Size, View, gather
from muralist.conditions import canny
from muralist.denoisers import Relabelled, Shuffled, Tiled, Uncontrolled, Unplaced
from muralist.models.control import condition
from muralist.planning.held import Held
from muralist.query import Control, Estimate, Query
from muralist.run import Batches
from muralist.run.crew import Crew
from muralist.views import Grid, Strided
from tests.crews import Benches
from tests.laws.parts import VIEWS, distance, normal, painted, query, steps, toy_request
from tests.papers.test_released_controlnet import conditions

CPU = torch.device("cpu")
FACTOR = 4
quick = settings(max_examples=25, deadline=None, derandomize=True)
sides = st.integers(1, 30)


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def control(height: int, width: int, **known) -> Control:
    return Control(torch.from_numpy(picture(height, width)), **known)


def whole(shown: Control, canvas: Size) -> Tensor:
    """The condition of all the canvas, enlarged as DemoFusion's release does: `1 3 fH fW`."""
    pixels = shown.image.permute(2, 0, 1)[None].double() / 255
    return F.interpolate(pixels, tuple(canvas.times(FACTOR)), mode="bicubic")


def close(ours: Tensor, theirs: Tensor) -> None:
    torch.testing.assert_close(ours, theirs.float(), atol=1e-5, rtol=0)


# --- what a view is shown ----------------------------------------------------------------------


@pytest.mark.parametrize("views", VIEWS.values(), ids=VIEWS)
@quick
@given(canvas=st.builds(Size, sides, sides), height=sides, width=sides, seed=st.integers(0, 99))
def test_a_view_is_shown_its_crop_of_the_enlarged_picture(views, canvas, height, width, seed):
    shown, seen = control(height, width), views(query(canvas, seed=seed))[:6]
    crops = gather(whole(shown, canvas), [view.times(FACTOR) for view in seen])
    close(condition(shown, seen, canvas, FACTOR, CPU), crops)


@quick
@given(top=st.integers(-9, 30), left=st.integers(-9, 30), side=sides, step=st.integers(1, 4))
def test_what_hangs_over_is_black(top, left, side, step):
    canvas, shown, view = Size(20, 24), control(10, 12), View(top, left, side, 5, step)
    enlarged = view.times(FACTOR).crop(whole(shown, canvas))
    close(condition(shown, [view], canvas, FACTOR, CPU), enlarged)


@pytest.mark.parametrize("k", [2, 3])
def test_subsamplings_are_shown_the_lattice_of_the_release(k):
    """Zeros around, then every k-th pixel from the first of the view's first cell."""
    canvas, shown = Size(6, 12), control(12, 24)
    for row in range(k):
        for col in range(k):
            around = F.pad(whole(shown, canvas), (0, col * FACTOR, 0, row * FACTOR))
            lattice = around[..., row * FACTOR :: k, col * FACTOR :: k]
            view = View(row, col, canvas.height // k, canvas.width // k, k)
            seen = condition(shown, [view], canvas, FACTOR, CPU)
            close(seen, lattice[..., : seen.shape[-2], : seen.shape[-1]])


def test_the_pictures_own_pixels_are_shown_as_they_are():
    shown, canvas = control(40, 48), Size(10, 12)
    seen = condition(shown, [View(2, 3, 5, 5)], canvas, FACTOR, CPU)
    assert torch.equal(seen[0], shown.image[8:28, 12:32].permute(2, 0, 1).float() / 255)


def test_nothing_as_large_as_the_canvas_is_made():
    """16384x16384 pixels, of which float32 would take 3 GiB."""
    shown, canvas = control(512, 512), Size(2048, 2048)
    for view in (View(100, 900, 16, 16), View(3, 5, 16, 16, 128)):
        with Held() as held:
            condition(shown, [view], canvas, 8, CPU)
        assert held.peak < 8 << 20


# --- what parts leave alone --------------------------------------------------------------------


@dataclass(frozen=True)
class Shown:
    """A painter that answers with what it is shown."""

    native: Size = Size(6, 6)
    network: None = None

    def led(self, scale: float) -> "Shown":
        return self

    def __call__(self, x: Tensor, q: Query) -> Estimate:
        if not q.controls:
            return Estimate(x, torch.zeros_like(x))
        seen = condition(q.controls[0], q.places, q.canvas, 1, x.device)
        return Estimate(x, seen.to(x))


CANVAS = Size(14, 19)


def shown_by(denoiser) -> Tensor:
    """The canvas that views are shown, fused."""
    x = torch.zeros(1, 3, *CANVAS)
    q = query(CANVAS, controls=(control(*CANVAS),), run=Batches(3, CPU))
    return denoiser(x, q).x0


@pytest.mark.parametrize(
    "views",
    [Grid(Size(6, 6), 3), Grid(Size(6, 6), 2, jitter=2, overhang=True), Strided(2), Strided(3)],
    ids=["windows", "windows that hang over", "every second", "every third"],
)
@pytest.mark.parametrize(
    "told",
    [Shown(), Relabelled(Shown(), 4, 5), Unplaced(Shown())],
    ids=["as they are", "relabelled", "unplaced"],
)
def test_views_are_shown_what_lies_under_them_wherever_they_are_told_to_lie(views, told):
    image = torch.from_numpy(picture(*CANVAS)).permute(2, 0, 1)[None] / 255
    close(shown_by(Tiled(told, views)), image)


@pytest.mark.parametrize("k", [2, 3, 4])
def test_completing_a_canvas_moves_no_picture(k, monkeypatch):
    """The canvas that subsamplings exchange cells on begins further up and left."""
    unmoved = partial(_in_order, k)
    monkeypatch.setattr(Shuffled, "order", unmoved)
    close(shown_by(Shuffled(Tiled(Shown(), Strided(k)), k)), shown_by(Tiled(Shown(), Strided(k))))


def _in_order(k: int, x: Tensor, canvas: Size, q: Query) -> Tensor:
    rows, cols = canvas.height // k, canvas.width // k
    order = torch.arange(k**2, dtype=torch.int16).view(1, -1, 1, 1)
    return order.expand(x.shape[1], -1, rows, cols)


def test_the_uncontrolled_are_shown_nothing():
    assert not shown_by(Tiled(Uncontrolled(Shown()), Grid(Size(6, 6), 3))).any()


def test_the_picture_travels_to_a_worker_once():
    """Its orders hold what views see of the canvas, and nothing of the picture."""
    canvas, team = Size(40, 40), Benches(2)
    shown, x = control(400, 400), torch.zeros(1, 3, *canvas)
    with Crew(team) as crew:
        run = Batches(2, CPU, crew.map, len(crew))
        q = query(canvas, controls=(shown,), run=run)
        tiled = Tiled(Shown(), Grid(Size(6, 6), 3))
        spread = [tiled(x, replace(q, step=step)).x0 for step in steps(4)[:3]]
    alone = tiled(x, replace(q, run=Batches(16, CPU))).x0
    assert all(torch.equal(each, alone) for each in spread)
    with_picture = [one for one in team.given if one.size > shown.image.nbytes]
    assert len(with_picture) == len({one.worker for one in with_picture}) == 2
    assert len(team.given) > 50


# --- as diffusers has them ---------------------------------------------------------------------


def random_net(unet, seed: int):
    """A ControlNet whose residuals are not zero, as those of a new one are."""
    torch.manual_seed(seed)
    net = diffusers.ControlNetModel.from_unet(
        unet, conditioning_embedding_out_channels=(8, 8, 8, 8)
    )
    for parameter in net.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.02)
    return net.eval().to(unet.device)


KINDS = {
    "tiny_sdxl": diffusers.StableDiffusionXLControlNetPipeline,
    "tiny_sd": diffusers.StableDiffusionControlNetPipeline,
}


@pytest.fixture(scope="module", params=KINDS)
def pipelines(request):
    """Of a family: with one ControlNet, and with two."""
    model = request.getfixturevalue(request.param)
    nets = [random_net(model.network, seed) for seed in (1, 2)]
    made = {}
    for count, held in ((1, nets[0]), (2, nets)):
        pipe = KINDS[request.param](**model.pipe.components, controlnet=held)
        pipe.set_progress_bar_config(disable=True)
        made[count] = pipe
    return made


ONE = {"controlnet_conditioning_scale": 0.7}
TWO = {
    "controlnet_conditioning_scale": [0.7, 0.4],
    "control_guidance_start": [0.0, 0.3],
    "control_guidance_end": [0.6, 1.0],
}


@pytest.mark.parametrize(
    ("count", "numbers"),
    [
        (1, ONE),
        (1, {**ONE, "control_guidance_start": 0.2, "control_guidance_end": 0.7}),
        (2, TWO),
    ],
    ids=["one", "one, for some steps", "two"],
)
def test_at_native_size_they_hold_as_in_diffusers_pipelines(pipelines, count, numbers):
    pipe, images = pipelines[count], [Image.fromarray(picture(256, 256, at)) for at in range(count)]
    shared = {"prompt": "a cat", "num_inference_steps": 5, "guidance_scale": 5.0}
    drawn = normal(1, 4, 32, 32, dtype=torch.float32).to(pipe.device)
    theirs = pipe(
        image=images if count > 1 else images[0],
        latents=drawn.clone(),
        height=256,
        width=256,
        output_type="latent",
        **shared,
        **numbers,
    ).images
    asked = toy_request(
        MultiDiffusion(), model=muralist.wrap(pipe), height=256, width=256, **shared
    )
    ours = painted(replace(asked, control_image=images, **numbers), latents=drawn).latents
    assert distance(ours, theirs) < 1e-4
    assert distance(painted(asked, latents=drawn).latents, theirs) > 1e-2


def test_perturbed_attention_is_held_as_in_diffusers_pipelines(pipelines):
    kinds = {
        KINDS["tiny_sdxl"]: diffusers.StableDiffusionXLControlNetPAGPipeline,
        KINDS["tiny_sd"]: diffusers.StableDiffusionControlNetPAGPipeline,
    }
    pipe, image = pipelines[1], Image.fromarray(picture(256, 256))
    with_pag = kinds[type(pipe)](**pipe.components, pag_applied_layers=["mid"])
    with_pag.set_progress_bar_config(disable=True)
    shared = {"prompt": "a cat", "num_inference_steps": 3, "guidance_scale": 5.0, "pag_scale": 3.0}
    drawn = normal(1, 4, 32, 32, dtype=torch.float32).to(pipe.device)
    theirs = with_pag(
        image=image, latents=drawn.clone(), output_type="latent", **shared, **ONE
    ).images
    asked = toy_request(
        MultiDiffusion(), model=muralist.wrap(pipe), height=256, width=256, **shared, **ONE
    )
    ours = painted(replace(asked, control_image=image), latents=drawn).latents
    assert distance(ours, theirs) < 1e-4


def test_none_is_asked_at_steps_without_strength(tiny_controlled):
    with conditions(tiny_controlled) as seen:
        painted(controlled(tiny_controlled, control_guidance_start=0.5, num_inference_steps=4))
    assert len(seen) == 2


# --- requests ----------------------------------------------------------------------------------


def controlled(model, method=None, **known) -> Request:
    given = {"height": 256, "width": 256, "prompt": "a red cat", "guidance_scale": 5.0}
    image = {"control_image": picture(256, 256)}
    return toy_request(method, model=model, **{**given, **image, "num_inference_steps": 2, **known})


LARGE = {"height": 336, "width": 288, "control_image": picture(84, 72), "num_inference_steps": 1}


@pytest.mark.parametrize(
    "change", [{"batch_size": 5}, {"canvas": "ram"}, {"canvas": "disk"}], ids=str
)
def test_the_picture_depends_on_no_batch_and_no_place(tiny_controlled, change):
    request = controlled(tiny_controlled, AccDiffusion(), **LARGE)
    assert distance(painted(replace(request, **change)).latents, painted(request).latents) < 1e-4


def test_the_picture_does_not_depend_on_who_paints_it(tiny_controlled):
    request = controlled(tiny_controlled, AccDiffusion2(), **LARGE | {"control_image": None})
    with Crew(Benches(2)) as crew:
        ours = painted(request, crew=crew).latents
    assert distance(ours, painted(request).latents) < 1e-4


def test_a_larger_picture_is_shown_reduced_to_the_stage(tiny_controlled):
    """A view of a small stage would otherwise leave out what lies between its pixels."""
    image = picture(512, 512)
    with conditions(tiny_controlled) as seen:
        painted(controlled(tiny_controlled, control_image=image, num_inference_steps=1))
    reduced = np.asarray(Image.fromarray(image).resize((256, 256), Image.Resampling.LANCZOS))
    away = np.abs(seen[0][0].permute(1, 2, 0).cpu().numpy() * 255 - reduced)
    assert away.max() < 1.5  # rows and columns are rounded in another order


@pytest.mark.parametrize("stop", [3, 4])
def test_a_run_with_edges_goes_on_where_it_was(tiny_controlled, tmp_path, stop):
    """Within the second stage, whose edges are drawn again, and before it."""
    settings = {"height": 336, "width": 336, "control_image": None}
    request = controlled(tiny_controlled, AccDiffusion2(), **settings)
    events = muralist.generate(request, job=tmp_path)
    ticks = (event for event in events if isinstance(event, Ticked))
    for _ in range(stop):
        next(ticks)
    events.close()
    resumed = painted(request, job=tmp_path)
    assert torch.equal(resumed.latents, painted(request).latents)


def test_a_request_with_images_survives_json(tiny_controlled, tmp_path, monkeypatch):
    path = tmp_path / "edges.png"
    Image.fromarray(picture(64, 64)).save(path)
    request = controlled(tiny_controlled, control_image=path, **ONE, control_guidance_end=[0.5])
    written = json.loads(json.dumps(request.to_json()))
    monkeypatch.setattr("muralist.request.request.card", lambda name: tiny_controlled.card)
    again = Request.from_json(written)
    assert again.to_json() == request.to_json()
    assert torch.equal(again.controls[0].image, request.controls[0].image)
    Image.fromarray(picture(64, 64, 1)).save(path)
    with pytest.raises(BadRequest, match="is another image than it was"):
        Request.from_json(written)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"control_image": [picture(8, 8)] * 2}, r"are 2 control images, and .* has 1 ControlNets"),
        ({"control_image": picture(8, 16)}, "control image 1 is 16x8 pixels, the picture 256x256"),
        ({"control_image": "no.png"}, "no.png is no file"),
        ({"controlnet_conditioning_scale": 11}, "scale is 11; 0 to 10 are possible"),
        ({"controlnet_conditioning_scale": -0.1}, "scale is -0.1; 0 to 10 are possible"),
        ({"controlnet_conditioning_scale": float("nan")}, "scale is nan; 0 to 10 are possible"),
        ({"controlnet_conditioning_scale": "strong"}, "scale is 'strong'; a number is needed"),
        ({"controlnet_conditioning_scale": [1, 1]}, "scale has 2 numbers for 1 control images"),
        ({"control_guidance_start": 0.7, "control_guidance_end": 0.7}, r"start is 0.7 and .* 0.7"),
        ({"control_guidance_end": 1.5}, "control_guidance_end is 1.5; fractions of the steps"),
    ],
)
def test_bad_conditions_are_refused_in_a_sentence(tiny_controlled, change, sentence):
    with pytest.raises(BadRequest, match=sentence):
        controlled(tiny_controlled, **change)


def test_a_photo_holds_its_own_enlargement_whose_sides_are_whole_cells(tiny_controlled):
    """A tile ControlNet is shown the photo: 100x75 twice as large is 200x152, 1.3 % higher."""
    image = picture(75, 100)
    sizes = {"height": None, "width": None, "scale": 2}
    request = controlled(tiny_controlled, image=image, control_image=image, **sizes)
    assert request.size.times(request.card.factor) == (152, 200)


def test_an_image_for_a_model_without_controlnets_is_refused(tiny_sdxl):
    with pytest.raises(BadRequest, match=r"control_image is given, and .* has no ControlNet"):
        controlled(tiny_sdxl)


def test_edges_need_a_controlnet_and_no_image(tiny_sdxl, tiny_controlled):
    size = {"height": 512, "width": 512}
    with pytest.raises(BadRequest, match=r"accdiffusion2 shows edges .* has 0 of them"):
        controlled(tiny_sdxl, AccDiffusion2(), control_image=None, **size)
    with pytest.raises(BadRequest, match="accdiffusion2 draws the control image itself"):
        controlled(tiny_controlled, AccDiffusion2(), **size)


def test_edges_that_hold_at_no_step_are_refused(tiny_controlled):
    method = AccDiffusion2(control_guidance_start=0.5, control_guidance_end=0.2)
    with pytest.raises(BadRequest, match=r"start is 0\.5 and .* is 0\.2; the smaller comes first"):
        controlled(tiny_controlled, method, control_image=None, height=512, width=512)


def test_other_controlnets_are_refused(tiny_sdxl):
    pools = random_net(tiny_sdxl.network, 0)
    pools.register_to_config(global_pool_conditions=True)
    parts = tiny_sdxl.pipe.components
    for net, sentence in ((pools, "knows no places"), (tiny_sdxl.network, "UNet2D.* is no Contr")):
        pipe = KINDS["tiny_sdxl"](**parts, controlnet=pools)
        pipe.controlnet = net
        with pytest.raises(UnsupportedModel, match=sentence):
            muralist.wrap(pipe)


# --- edges -------------------------------------------------------------------------------------


def test_edges_lie_where_shades_change():
    square = np.full((64, 64, 3), 100, np.uint8)
    square[16:48, 16:48] = 220
    edges = canny(square, 0.3)
    assert edges.shape == square.shape
    assert set(np.unique(edges)) == {0, 255}
    rows = np.flatnonzero(edges.any((1, 2)))
    assert {rows.min(), rows.max()} <= {15, 16, 47, 48}
    assert not edges[20:44, 20:44].any()


def test_an_edge_of_colour_alone_is_one():
    """Red and green of one grey: the channel that changes most counts."""
    sides = np.zeros((32, 32, 3), np.uint8)
    sides[:, :16], sides[:, 16:] = (76, 76, 76), (0, 130, 0)
    assert canny(sides)[8:24].any()


def test_edges_without_opencv_say_what_to_install(monkeypatch):
    monkeypatch.setattr("muralist.conditions.find_spec", lambda name: None)
    with pytest.raises(BadRequest, match=r'pip install "muralist\[control\]"'):
        canny(np.zeros((8, 8, 3), np.uint8))


def test_a_demofusion_without_an_image_is_what_it_is_without_a_controlnet(
    tiny_controlled, tiny_sdxl
):
    ours = painted(controlled(tiny_controlled, DemoFusion(), control_image=None))
    assert torch.equal(
        ours.latents, painted(controlled(tiny_sdxl, DemoFusion(), control_image=None)).latents
    )


def test_a_plan_looks_at_no_image(tiny_controlled):
    """What it counts is the network's, and canvases."""
    known = {**LARGE, **ONE, "control_guidance_end": [0.5]}
    request = controlled(tiny_controlled, AccDiffusion(), **known)
    without = replace(request, control_image=None)
    assert muralist.plan(request) == muralist.plan(without)
    edges = replace(without, method=AccDiffusion2())
    assert muralist.plan(edges).stages == muralist.plan(without).stages
