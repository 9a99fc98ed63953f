"""Who paints."""

import pytest
import torch

import muralist
from muralist import AccDiffusion, DemoFusion, MultiDiffusion, Pixelsmith
from muralist.bench.entrants import entrant, entrants, without_crops
from muralist.errors import BadRequest


def test_methods_are_named_with_their_settings():
    assert entrant("demofusion").method == DemoFusion()
    one = entrant("pixelsmith:slider=10,patches=random")
    assert one.method == Pixelsmith(slider=10, patches="random")
    assert (one.name, one.kind) == ("pixelsmith:slider=10,patches=random", "method")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("demofuzion", "demofusion"),
        ("demofusion:slidr=3", "slidr"),
        ("pixelsmith:slider", "NAME:SETTING=VALUE"),
        ("pixelsmith:slider=many", "slider"),
        ("", "there is no method"),
    ],
)
def test_what_there_is_not_is_refused(text, words):
    with pytest.raises(BadRequest, match=words):
        entrant(text)


def test_nobody_is_named_twice():
    with pytest.raises(BadRequest, match="twice"):
        entrants(["demofusion", "demofusion"], "shapes")


def test_unnamed_those_enter_that_the_model_is_enough_for():
    """AccDiffusion 2 needs a ControlNet."""
    kinds = {type(one.method) for one in entrants([], "shapes")}
    assert kinds == {AccDiffusion, DemoFusion, MultiDiffusion, Pixelsmith}


def test_a_model_that_is_told_no_places_paints_as_multidiffusion_without_crop_ids():
    """The ablation is the same for all methods; one of them has a setting that says the same."""
    model = muralist.load("shapes")
    asked = {"height": 192, "width": 192, "num_inference_steps": 2, "progress": False}
    untold = without_crops(entrant("multidiffusion"))
    assert (untold.name, untold.kind) == ("multidiffusion, no crops", "ablation")
    one = muralist.paint(untold.model(model), "a red circle", method=untold.method, **asked)
    other = muralist.paint(model, "a red circle", method=MultiDiffusion(crop_ids="none"), **asked)
    told = muralist.paint(model, "a red circle", method=MultiDiffusion(), **asked)
    assert torch.equal(one.latents, other.latents)
    assert not torch.allclose(one.latents, told.latents, atol=0.1)


def test_the_others_are_asked_as_they_are():
    model = muralist.load("toy")
    assert entrant("demofusion").model(model) is model
