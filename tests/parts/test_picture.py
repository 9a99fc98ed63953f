"""Pictures become files whole or not at all, and files know how to be painted again."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import muralist
from muralist import BadRequest, Request
from muralist.canvas import Size
from muralist.models import Toy
from muralist.picture import Picture, StageResult
from muralist.request import LONGEST_PROMPT
from muralist.sinks import check_writable, read_settings, save
from tests.laws.parts import METHODS, Watched, normal, painted, toy_request

ENDINGS = ["png", "jpg", "jpeg", "webp", "PNG"]
EVERY_ENDING = pytest.mark.parametrize("ending", ENDINGS)


@pytest.fixture(scope="module")
def picture() -> Picture:
    request = toy_request(
        model="toy", height=40, width=24, prompt="a cat, “quoted” \\ \n<x> 猫", guidance_rescale=0.5
    )
    return painted(request)


@EVERY_ENDING
def test_settings_travel_in_the_file(picture, tmp_path, ending):
    path = picture.save(tmp_path / f"picture.{ending}")
    assert read_settings(path) == json.loads(json.dumps(picture.settings))


@EVERY_ENDING
@pytest.mark.parametrize("letter", ["x", "猫"])
def test_the_longest_prompts_fit_in_any_file(tmp_path, ending, letter):
    words = letter * LONGEST_PROMPT
    settings = toy_request(model="toy", prompt=words, negative_prompt=words).to_json()
    path = save(Image.new("RGB", (8, 8)), tmp_path / f"picture.{ending}", settings)
    assert read_settings(path) == settings


@EVERY_ENDING
def test_files_hold_the_picture(tmp_path, ending):
    ramp = np.linspace(0, 255, 24 * 40).reshape(40, 24)
    pixels = np.stack([ramp, ramp[::-1], ramp[:, ::-1]], axis=-1).astype(np.uint8)
    path = save(Image.fromarray(pixels), tmp_path / f"picture.{ending}", {})
    with Image.open(path) as image:
        error = np.abs(np.asarray(image, np.int16) - pixels)
    assert error.shape == (40, 24, 3)
    assert error.mean() <= (0 if ending.lower() == "png" else 3)  # the others lose a little


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_the_settings_in_a_file_paint_the_same_picture(method, tmp_path):
    one = painted(toy_request(method, model="toy", seed=11))
    again = painted(Request.from_json(read_settings(one.save(tmp_path / "one.png"))))
    assert again.image.tobytes() == one.image.tobytes()
    assert again.settings == one.settings


def test_settings_tell_the_version_that_painted(picture):
    assert picture.settings["muralist"] == muralist.__version__


def test_a_folder_that_is_missing_is_made(picture, tmp_path):
    path = picture.save(tmp_path / "new" / "folder" / "picture.png")
    assert path.is_file()


def test_a_path_may_be_a_text(picture, tmp_path):
    assert picture.save(str(tmp_path / "picture.png")).is_file()


class Broken(Image.Image):
    """An image whose encoder fails half way."""

    size = (8, 8)

    def save(self, file, **options):
        file.write(b"half a picture")
        raise OSError("the disk is full")


@pytest.mark.parametrize("before", [None, b"what was there"], ids=["new", "existing"])
def test_a_failure_while_writing_leaves_everything_as_it_was(tmp_path, before):
    path = tmp_path / "picture.png"
    if before is not None:
        path.write_bytes(before)
    with pytest.raises(OSError, match="the disk is full"):
        save(Broken(), path, {})
    assert [file.name for file in tmp_path.iterdir()] == (["picture.png"] if before else [])
    assert before is None or path.read_bytes() == before


def test_an_existing_file_is_replaced(picture, tmp_path):
    path = tmp_path / "picture.png"
    path.write_bytes(b"what was there")
    picture.save(path)
    assert read_settings(path)["height"] == 40
    assert [file.name for file in tmp_path.iterdir()] == ["picture.png"]


@pytest.mark.skipif(os.name != "posix", reason="modes are those of POSIX")
def test_files_are_as_readable_as_the_umask_says(picture, tmp_path):
    mask = os.umask(0o027)
    try:
        path = picture.save(tmp_path / "picture.png")
    finally:
        os.umask(mask)
    assert path.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("name", ["picture", "picture.gif", "picture.png.txt", ".png"])
def test_another_ending_is_refused(tmp_path, name):
    with pytest.raises(BadRequest, match=r"should end in .png, .jpg, .jpeg, .webp"):
        check_writable(tmp_path / name)


def test_a_folder_is_no_file_name(tmp_path):
    (tmp_path / "picture.png").mkdir()
    with pytest.raises(BadRequest, match="is a folder; a file name is needed"):
        check_writable(tmp_path / "picture.png")


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "picture.png", tmp_path / "file" / "deep" / "picture.png"):
        with pytest.raises(BadRequest, match=r"cannot be written: .*file: Not a directory"):
            check_writable(path)


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="a folder that even root cannot write")
def test_a_folder_that_cannot_be_written_to_is_refused():
    with pytest.raises(BadRequest, match=r"^/proc/picture\.png cannot be written: /proc: "):
        check_writable("/proc/picture.png")


@pytest.mark.parametrize(
    ("name", "longest"), [("a.jpg", 65_500), ("a.webp", 16_383), ("a.png", 2**31 - 1)]
)
def test_what_a_format_cannot_hold_is_refused(tmp_path, name, longest):
    assert check_writable(tmp_path / name, longest, 1) == tmp_path / name
    with pytest.raises(BadRequest, match=f"at most {longest} pixels a side, not {longest + 1}"):
        check_writable(tmp_path / name, 1, longest + 1)


def test_checking_a_path_writes_nothing(tmp_path):
    check_writable(tmp_path / "new" / "picture.png")
    assert list(tmp_path.iterdir()) == []


def test_files_without_settings_are_refused(tmp_path):
    Image.new("RGB", (4, 4)).save(tmp_path / "plain.png")
    (tmp_path / "text.png").write_text("no picture")
    for name, message in (
        ("plain.png", "holds no settings of muralist"),
        ("text.png", "cannot be read as a picture"),
        ("missing.png", "there is no file"),
    ):
        with pytest.raises(BadRequest, match=message):
            read_settings(tmp_path / name)


@pytest.mark.parametrize("text", ["{", "[]", '{"other": 1}', '{"muralist": 3}', "null"])
def test_settings_that_are_none_are_refused(tmp_path, text):
    from PIL import PngImagePlugin

    info = PngImagePlugin.PngInfo()
    info.add_text("muralist", text)
    Image.new("RGB", (4, 4)).save(tmp_path / "odd.png", pnginfo=info)
    with pytest.raises(BadRequest, match="holds no settings of muralist"):
        read_settings(tmp_path / "odd.png")


def test_a_stage_is_decoded_at_the_first_look_and_only_then():
    looks = []

    def decode() -> Image.Image:
        looks.append("look")
        return Image.new("RGB", (4, 4))

    stage = StageResult(1, Size(4, 4), normal(1, 3, 4, 4), decode)
    assert looks == []
    assert stage.image is stage.image
    assert looks == ["look"]


def test_looking_at_all_stages_decodes_each_once():
    watched = Watched(Toy())
    picture = painted(toy_request(model=watched, height=48, width=32))
    for stage in [*picture.stages, *picture.stages]:
        assert stage.image.size == (stage.size.width, stage.size.height)
    # the last was decoded while it was painted
    assert watched.decoded == [(48, 32), (16, 10), (32, 21)]
