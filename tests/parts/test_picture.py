"""Pictures become files whole or not at all, and files know how to be painted again."""

import io
import json
import os
import weakref
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL.ExifTags import Base

import muralist
from muralist import BadRequest, Request
from muralist.canvas import Size
from muralist.models import Toy
from muralist.picture import Picture, StageResult
from muralist.request import LONGEST_PROMPT
from muralist.sinks import check_writable, read_settings, save
from tests.laws.parts import ALONE, Watched, normal, painted, toy_request

ENDINGS = ["png", "jpg", "jpeg", "webp", "PNG", "tif", "tiff", "dzi", "DZI"]
EVERY_ENDING = pytest.mark.parametrize("ending", ENDINGS)
BLACK = np.zeros((8, 8, 3), np.uint8)


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
    path = save(BLACK, tmp_path / f"picture.{ending}", settings)
    assert read_settings(path) == settings


@pytest.mark.parametrize("ending", ["png", "jpg", "jpeg", "webp", "PNG"])
def test_files_hold_the_picture(tmp_path, ending):
    ramp = np.linspace(0, 255, 24 * 40).reshape(40, 24)
    pixels = np.stack([ramp, ramp[::-1], ramp[:, ::-1]], axis=-1).astype(np.uint8)
    path = save(pixels, tmp_path / f"picture.{ending}", {})
    with Image.open(path) as image:
        error = np.abs(np.asarray(image, np.int16) - pixels)
    assert error.shape == (40, 24, 3)
    assert error.mean() <= (0 if ending.lower() == "png" else 3)  # the others lose a little


@pytest.mark.parametrize("ending", ["png", "jpg", "webp", "tif"])
def test_files_say_that_they_are_srgb_and_how_dense_prints_are(tmp_path, ending):
    with Image.open(save(BLACK, tmp_path / f"picture.{ending}", {})) as image:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
        density = image.info.get("dpi") or (image.getexif()[Base.XResolution],) * 2
    assert "sRGB" in ImageCms.getProfileDescription(profile)
    assert density == pytest.approx((300, 300), abs=0.01)  # PNG counts pixels a metre, in whole


@pytest.mark.parametrize("method", ALONE.values(), ids=ALONE)
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
    with pytest.raises(BadRequest, match=r"end in .png, .jpg, .jpeg, .webp, .tif, .tiff, .dzi$"):
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
    with pytest.raises(
        BadRequest, match=f"{longest} pixels a side, not {longest + 1}; .tif and .dzi"
    ):
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

    def decode() -> np.ndarray:
        looks.append("look")
        return BLACK

    stage = StageResult(1, Size(8, 8), normal(1, 3, 8, 8), decode)
    assert looks == []
    assert stage.image is stage.image
    assert stage.pixels is BLACK
    assert looks == ["look"]


def test_the_image_shows_the_pixels(picture):
    assert picture.pixels.shape == (40, 24, 3) and picture.pixels.dtype == np.uint8
    assert np.array_equal(np.asarray(picture.image), picture.pixels)
    assert picture.pixels.std() > 0


def test_a_picture_beyond_what_pil_should_hold_says_so():
    """Rows that are one row in memory, many times: the picture itself would be 3 GiB."""
    pixels = np.broadcast_to(BLACK[:1, :1], (2**15, 2**15, 3))
    stage = StageResult(1, Size(4, 4), normal(1, 3, 4, 4), lambda: pixels)
    with pytest.raises(BadRequest, match="32768x32768 pixels is too large for an image in memory"):
        _ = stage.image


def test_what_a_saved_picture_took_is_given_back(tmp_path):
    """libvips remembers operations; not their pixels."""
    pixels = np.zeros((8, 8, 3), np.uint8)
    gone = weakref.ref(pixels)
    save(pixels, tmp_path / "picture.png", {})
    del pixels
    assert gone() is None


def test_looking_at_all_stages_decodes_each_once():
    watched = Watched(Toy())
    picture = painted(toy_request(model=watched, height=48, width=32))
    for stage in [*picture.stages, *picture.stages]:
        assert stage.image.size == (stage.size.width, stage.size.height)
    # the last was decoded while it was painted
    assert watched.decoded == [(48, 32), (16, 10), (32, 21)]
