"""`muralist upscale`: what it paints, remembers and refuses."""

import json

import numpy as np
import pytest
from PIL import Image

import muralist
from muralist.photo import photo as read
from muralist.sinks import read_settings

TOY = ("--model", "toy", "--steps", "4")


@pytest.fixture(autouse=True)
def photo():
    pixels = np.random.default_rng(0).integers(60, 190, (6, 9, 3), np.uint8)
    image = Image.fromarray(pixels).resize((27, 18), Image.Resampling.BICUBIC)
    image.save("photo.png")
    return np.asarray(image)


def test_it_paints_what_paint_does_in_python(run, photo):
    code, out, _ = run("upscale", "photo.png", *TOY, "--scale", "3", "--strength", "0.5")
    assert code == 0 and out.startswith("photo-upscaled.png: 81x54 pixels")
    expected = muralist.paint("toy", image=photo, scale=3, strength=0.5, num_inference_steps=4)
    assert np.array_equal(read("photo-upscaled.png").pixels, expected.pixels)


@pytest.mark.parametrize("method", ["demofusion", "accdiffusion", "multidiffusion", "pixelsmith"])
def test_every_method_enlarges_and_leaves_its_stages(run, tmp_path, method):
    arguments = ("--size", "54x36", "--method", method, "--stages", "s", "--out", "a.png")
    assert run("upscale", "photo.png", "a prompt", *TOY, *arguments)[0] == 0
    assert read("a.png").size == (36, 54)
    assert list((tmp_path / "s").iterdir())
    assert not list(tmp_path.glob("*.job"))


def test_of_nothing_the_longer_side_becomes_four_native_ones(run):
    assert run("upscale", "photo.png", *TOY, "--method", "multidiffusion")[0] == 0
    assert read("photo-upscaled.png").size == (43, 64)


def test_a_picture_can_be_painted_like_one_that_was_enlarged(run):
    assert run("upscale", "photo.png", *TOY, "--scale", "2", "--out", "a.png")[0] == 0
    assert run("paint", "--like", "a.png", "--out", "b.png")[0] == 0
    assert np.array_equal(read("a.png").pixels, read("b.png").pixels)
    assert read_settings("b.png")["image"]["path"] == "photo.png"


def test_an_image_in_a_file_of_prompts(run, tmp_path):
    line = {"prompt": "", "image": "photo.png", "scale": 2, "out": "a.png"}
    again = {"prompt": "", "image": str(tmp_path / "photo.png"), "scale": 2, "out": "b.png"}
    (tmp_path / "p.jsonl").write_text("\n".join(map(json.dumps, (line, again))))
    assert run("paint", "--prompts", "p.jsonl", *TOY, "--out", "made", "--seed", "0")[0] == 0
    assert read("made/a.png").size == read("made/b.png").size == (36, 54)
    code, out, _ = run("info", "made/a.png", "--json")
    (tmp_path / "q.jsonl").write_text(json.dumps({**json.loads(out), "out": "c.png"}))
    assert code == 0
    (tmp_path / "q.jsonl").write_text(
        json.dumps({k: v for k, v in json.loads(out).items() if k != "muralist"})
    )
    assert run("paint", "--prompts", "q.jsonl", "--out", "more")[0] == 0
    expected = read("made/a.png").pixels
    assert np.array_equal(read("more/0001.png").pixels, expected)


def test_a_stopped_run_goes_on_while_its_image_is_there(run, tmp_path, monkeypatch):
    from muralist.models import Toy

    asked = ("upscale", "photo.png", *TOY, "--scale", "3", "--out", "a.png")
    assert run(*asked)[0] == 0
    expected = read("a.png").pixels
    (tmp_path / "a.png").unlink()
    calls, answer = [], Toy.__call__

    def stops(self, x, q):
        calls.append(q)
        if q.stage == 2 and q.step.index == 2:
            raise KeyboardInterrupt
        return answer(self, x, q)

    monkeypatch.setattr(Toy, "__call__", stops)
    code, _, said = run(*asked)
    assert code == 130 and "muralist resume a.png.job" in said
    monkeypatch.setattr(Toy, "__call__", answer)
    assert run("jobs")[0] == 0

    (tmp_path / "photo.png").rename(tmp_path / "aside.png")
    code, _, said = run("resume", "a.png.job")
    assert code == 2 and "photo.png is no file" in said
    Image.new("RGB", (27, 18)).save("photo.png")
    code, _, said = run("resume", "a.png.job")
    assert code == 2 and "photo.png is another image than it was" in said
    assert run("jobs")[0] == 0

    (tmp_path / "aside.png").replace(tmp_path / "photo.png")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")  # where there is no photo.png
    assert run("resume", "../a.png.job")[0] == 0
    assert np.array_equal(read("../a.png").pixels, expected)


@pytest.mark.parametrize("out", ["photo.png", "../{}/photo.png", "link.png"])
def test_a_picture_is_not_painted_over_its_own_photo(run, tmp_path, out):
    before = (tmp_path / "photo.png").read_bytes()
    (tmp_path / "link.png").symlink_to("photo.png")
    code, _, said = run("upscale", "photo.png", *TOY, "--out", out.format(tmp_path.name))
    assert code == 2 and "photo.png is an image that is read for it" in said.replace(
        "link", "photo"
    )
    line = {"prompt": "", "image": "photo.png", "out": "photo.png"}
    (tmp_path / "p.jsonl").write_text(json.dumps(line))
    assert run("paint", "--prompts", "p.jsonl", *TOY, "--out", ".")[0] == 2
    assert (tmp_path / "photo.png").read_bytes() == before
    assert not list(tmp_path.glob("*.job"))


def test_a_line_that_says_how_many_times_goes_before_a_size(run, tmp_path):
    (tmp_path / "p.jsonl").write_text(json.dumps({"prompt": "", "image": "photo.png", "scale": 2}))
    arguments = ("--prompts", "p.jsonl", *TOY)
    assert run("paint", *arguments, "--size", "81x54", "--out", "made")[0] == 0
    assert run("paint", *arguments, "--like", "made/0001.png", "--out", "more")[0] == 0
    assert read("made/0001.png").size == read("more/0001.png").size == (36, 54)


def test_a_plan_of_an_image(run):
    code, out, _ = run("plan", *TOY, "--image", "photo.png", "--scale", "4", "--json")
    assert code == 0
    stages = json.loads(out)["stages"]
    assert [stage["width"] for stage in stages] == [32, 48, 64, 80, 96, 108]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--scale", "0"), "at least 1"),
        (("--scale", "-2"), "at least 1"),
        (("--scale", "nan"), "at least 1"),
        (("--scale", "1e9"), "too large to become 1e+09 times"),
        (("--scale", "0.5"), "at least 1"),
        (("--size", "9x6"), "9x6 pixels is smaller than its image of 27x18"),
        (("--size", "64x64"), "64x43 or 96x64 has the same"),
        (("--size", "54x36", "--scale", "2"), "give one of them"),
        (("--strength", "0"), "strength is 0.0"),
        (("--strength", "1.5"), "strength is 1.5"),
        (("--strength", "0.1"), "leaves no step"),
        (("--strength", "0.5", "--method", "pixelsmith"), "no setting 'strength'"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence_and_leaves_nothing(run, tmp_path, arguments, said):
    code, out, err = run("upscale", "photo.png", *TOY, *arguments)
    assert (code, out) == (2, "")
    assert said in err and err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["photo.png"]


@pytest.mark.parametrize("content", [b"", b"a text", b"\x89PNG\r\n\x1a\n rest"])
def test_what_is_no_image_is_refused(run, tmp_path, content):
    (tmp_path / "no.png").write_bytes(content)
    code, _, err = run("upscale", "no.png", *TOY)
    assert code == 2 and err.startswith("muralist: no.png ")
    assert run("upscale", "missing.png", *TOY)[0] == run("upscale", ".", *TOY)[0] == 2
