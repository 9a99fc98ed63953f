"""What everybody paints."""

import pytest

from muralist.bench.cases import Case, captions, cases, is_caption
from muralist.canvas import Size
from muralist.shapes.checker import read
from muralist.shapes.render import picture
from muralist.shapes.scene import parse_caption, random_scene


def test_captions_are_different_and_do_not_depend_on_how_many_there_are():
    many = captions(40)
    assert len(set(many)) == 40
    assert captions(7) == many[:7]
    pairs = sum(len(parse_caption(caption)[0]) == 2 for caption in many)
    assert 5 <= pairs <= 15  # one in four


def test_objects_and_backgrounds_are_told_apart_by_the_checker():
    """Every pair of colours that a caption can have is read as it is, in light and in shade."""
    told = {caption: None for caption in captions(60)}
    for seed in range(10**9, 10**9 + 400):
        scene = random_scene(seed)
        if scene.caption in told:
            reading = read(picture(scene, 2))
            assert reading.background == scene.background
            assert [one.colour for one in reading.objects] == [one.colour for one in scene.things]


def test_what_is_done_first_is_whole_in_itself():
    """All sizes of a prompt before the next prompt: a benchmark that is stopped has both."""
    sizes = [Size(256, 256), Size(256, 512)]
    found = cases(["a", "b"], 2, sizes)
    assert [(case.prompt, case.seed) for case in found[::2]] == [
        ("a", 0),
        ("a", 10_000),
        ("b", 1),
        ("b", 10_001),
    ]
    assert [case.size for case in found[:2]] == sizes


def test_more_seeds_keep_those_that_are_there():
    size = [Size(256, 256)]
    assert set(cases(["a", "b"], 1, size)) < set(cases(["a", "b", "c"], 3, size))


def test_names_of_files_are_safe_and_never_shared():
    size = Size(256, 256)
    prompts = ["a/../b", "a b", "a, b", "A b", "", "x" * 300, "\N{SNOWMAN}", "a\nb"]
    names = [Case(prompt, seed, size).name for prompt in prompts for seed in (0, 1)]
    assert len(set(names)) == len(names)
    for name in names:
        assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
        assert len(name) < 90


@pytest.mark.parametrize("caption", captions(5))
def test_captions_are_known(caption):
    assert is_caption(caption)


@pytest.mark.parametrize("text", ["", "a lighthouse at dusk", "a red circle"])
def test_other_texts_are_not(text):
    assert not is_caption(text)


def test_captions_of_more_things_than_a_scene_has_are_not():
    assert not is_caption("a red ring and a blue star and a green ring on a white background")
