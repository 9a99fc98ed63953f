"""Any image becomes 8 bits of sRGB, the right way up, or is refused in a sentence."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import pyvips
import tifffile
from PIL import Image, ImageCms, ImageOps

from muralist import BadRequest
from muralist.photo import from_json, photo

RAMP = np.linspace(0, 255, 64).astype(np.uint8)
RGB = np.stack([np.tile(RAMP, (48, 1)), np.tile(RAMP[::-1], (48, 1)), np.full((48, 64), 99)], -1)
RGB = RGB.astype(np.uint8)
GREY = np.repeat(RGB[..., :1], 3, axis=-1)
IMAGE = Image.fromarray(RGB)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def farthest(pixels: np.ndarray, wanted: np.ndarray) -> int:
    assert pixels.shape == wanted.shape and pixels.dtype == np.uint8
    return int(np.abs(pixels.astype(int) - wanted).max())


@pytest.mark.parametrize("ending", ["png", "tif", "gif", "webp", "jpg", "avif"])
def test_files_of_every_format_are_read(tmp_path, ending):
    path = tmp_path / f"ramp.{ending}"
    IMAGE.save(path, **({"lossless": True} if ending == "webp" else {}))
    assert farthest(photo(path).pixels, RGB) <= (6 if ending in ("jpg", "avif") else 0)


@pytest.mark.parametrize(
    ("array", "wanted"),
    [
        (RGB.astype(np.uint16) * 257, RGB),
        (RGB[..., 0].astype(np.uint16) * 257, GREY),
        (RGB.astype(np.uint32) * (2**24 + 2**16), RGB),
        ((RGB / 255).astype(np.float32), RGB),
        ((RGB[..., 0] / 255).astype(np.float32), GREY),
    ],
    ids=["rgb16", "grey16", "rgb32", "rgb-float", "grey-float"],
)
def test_deep_tiffs_become_8_bits(tmp_path, array, wanted):
    tifffile.imwrite(tmp_path / "deep.tif", array, photometric="rgb" if array.ndim == 3 else None)
    assert farthest(photo(tmp_path / "deep.tif").pixels, wanted) == 0


def test_a_png_of_16_bits_is_no_white_picture(tmp_path):
    deep = pyvips.Image.new_from_array(RGB.astype(np.uint16) * 257)
    deep.copy(interpretation="rgb16").pngsave(str(tmp_path / "deep.png"))
    Image.fromarray(RGB[..., 0].astype(np.uint16) * 257).save(tmp_path / "grey.png")
    assert farthest(photo(tmp_path / "deep.png").pixels, RGB) == 0
    assert farthest(photo(tmp_path / "grey.png").pixels, GREY) == 0
    assert farthest(photo(Image.open(tmp_path / "grey.png")).pixels, GREY) == 0


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "PA", "RGBA", "RGBa", "YCbCr", "HSV", "F"])
def test_images_of_pils_modes_are_as_pil_shows_them(mode):
    image = IMAGE.convert(mode)
    shown = np.asarray(image.convert("RGBA" if mode == "RGBa" else "RGB").convert("RGB"))
    assert farthest(photo(image).pixels, shown) == 0


def test_lab_becomes_what_littlecms_makes_of_it(tmp_path):
    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    soft = RGB // 4 + 96  # well inside what 8 bits of Lab can say
    image = ImageCms.profileToProfile(Image.fromarray(soft), srgb, lab, outputMode="LAB")
    assert image is not None and farthest(photo(image).pixels, soft) <= 6
    pyvips.Image.new_from_array(RGB).colourspace("lab").tiffsave(str(tmp_path / "lab.tif"))
    assert farthest(photo(tmp_path / "lab.tif").pixels, RGB) <= 1


def test_cmyk_is_read_as_ink(tmp_path):
    ink = np.zeros((8, 8, 4), np.uint8)
    ink[:4, :, 0] = 255  # cyan above paper
    Image.fromarray(ink, "CMYK").save(tmp_path / "ink.tif")
    for given in (tmp_path / "ink.tif", Image.fromarray(ink, "CMYK")):
        pixels = photo(given).pixels
        red, green, blue = pixels[0, 0].astype(int)
        assert red < 64 < 128 < min(green, blue)
        assert pixels[7, 0].min() > 250


def test_an_icc_profile_is_followed(tmp_path):
    """Against LittleCMS, by PIL: a profile with linear light and other primaries."""
    wide = pyvips.Image.new_from_array(RGB).icc_transform("p3", input_profile="srgb")
    wide.pngsave(str(tmp_path / "p3.png"))
    stored = Image.open(tmp_path / "p3.png")
    assert farthest(np.asarray(stored), RGB) > 8  # other numbers, for the same colours
    profile = ImageCms.ImageCmsProfile(io.BytesIO(stored.info["icc_profile"]))
    shown = ImageCms.profileToProfile(stored, profile, ImageCms.createProfile("sRGB"))
    assert shown is not None
    assert farthest(photo(tmp_path / "p3.png").pixels, np.asarray(shown)) <= 2
    assert farthest(photo(stored).pixels, np.asarray(shown)) <= 2


@pytest.mark.parametrize("profile", [b"nonsense", SRGB], ids=["broken", "of other channels"])
def test_a_profile_that_does_not_fit_is_left_out(tmp_path, profile):
    IMAGE.convert("L").save(tmp_path / "grey.png", icc_profile=profile)
    grey = np.asarray(IMAGE.convert("L").convert("RGB"))
    assert farthest(photo(tmp_path / "grey.png").pixels, grey) <= 1


@pytest.mark.parametrize("turned", range(1, 9))
def test_the_orientation_of_exif_is_applied(tmp_path, turned):
    exif = Image.Exif()
    exif[0x0112] = turned
    IMAGE.save(tmp_path / "turned.png", exif=exif)
    stored = Image.open(tmp_path / "turned.png")
    upright = np.asarray(ImageOps.exif_transpose(stored))
    assert farthest(photo(tmp_path / "turned.png").pixels, upright) == 0
    assert farthest(photo(stored).pixels, upright) == 0


def test_what_is_transparent_lies_on_white(tmp_path):
    image = IMAGE.convert("RGBA")
    image.putalpha(Image.new("L", image.size, 0))
    image.save(tmp_path / "gone.png")
    IMAGE.quantize(16).save(tmp_path / "palette.png", transparency=bytes(16))
    for given in (image, tmp_path / "gone.png", tmp_path / "palette.png"):
        assert photo(given).pixels.min() == 255


def test_of_several_frames_the_first_is_taken(tmp_path):
    for ending in ("gif", "tif", "webp"):
        path = tmp_path / f"frames.{ending}"
        IMAGE.save(path, save_all=True, append_images=[Image.new("RGB", (64, 48))])
        assert photo(path).pixels.shape == (48, 64, 3)
        assert photo(path).pixels.mean() > 80  # and not the black one


def test_a_given_array_may_change_without_the_photo():
    array = RGB.copy()
    given = photo(array)
    array[:] = 0
    assert farthest(given.pixels, RGB) == 0
    assert photo(given) is given


def _bomb(path: Path) -> Path:
    """A PNG whose header promises 65535x65535 pixels."""
    head = b"IHDR" + struct.pack(">IIBBBBB", 65535, 65535, 8, 2, 0, 0, 0)
    data = b"IDAT" + zlib.compress(bytes(1 << 20))
    chunks = b"".join(
        struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c))
        for c in (head, data, b"IEND")
    )
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)
    return path


def test_too_many_pixels_are_refused_by_the_header(tmp_path):
    with pytest.raises(BadRequest, match="65535x65535 pixels; 256 million"):
        photo(_bomb(tmp_path / "bomb.png"))
    huge = np.lib.stride_tricks.as_strided(RGB, (2**15, 2**14, 3), (0, 0, 1))
    with pytest.raises(BadRequest, match="16384x32768 pixels"):
        photo(huge)


@pytest.mark.parametrize("ending", ["png", "jpg", "tif", "webp"])
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_truncated_files_are_refused(tmp_path, ending, part):
    whole, path = tmp_path / f"whole.{ending}", tmp_path / f"part.{ending}"
    IMAGE.save(whole)
    path.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * part)])
    with pytest.raises(BadRequest, match=r"part\.\w+ (cannot be read|is no image)"):
        photo(path)


def test_a_truncated_file_that_pil_has_opened_is_refused(tmp_path):
    whole = io.BytesIO()
    IMAGE.save(whole, "JPEG")
    image = Image.open(io.BytesIO(whole.getvalue()[:700]))
    with pytest.raises(BadRequest, match="truncated"):
        photo(image)


@pytest.mark.parametrize(
    "content",
    [b"", b"words", b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>", bytes(100)],
    ids=["empty", "text", "svg", "zeros"],
)
def test_what_is_no_image_is_refused(tmp_path, content):
    path = tmp_path / "no.png"
    path.write_bytes(content)
    with pytest.raises(BadRequest, match="JPEG, PNG, WebP, TIFF, GIF, AVIF"):
        photo(path)


def test_folders_and_missing_files_are_told_apart(tmp_path):
    with pytest.raises(BadRequest, match="is a folder"):
        photo(tmp_path)
    with pytest.raises(BadRequest, match="is no file"):
        photo(tmp_path / "missing.png")


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (RGB[..., 0], "shape 48 64 and"),
        (np.zeros((8, 8, 4), np.uint8), "shape 8 8 4"),
        (np.zeros((0, 8, 3), np.uint8), "shape 0 8 3"),
        (RGB / 255, "type float64"),
    ],
)
def test_arrays_of_another_shape_or_type_are_refused(array, said):
    with pytest.raises(BadRequest, match=said):
        photo(array)


def test_other_things_are_refused():
    with pytest.raises(BadRequest, match="of type int"):
        photo(3)  # pyright: ignore[reportArgumentType]


def test_channels_that_are_no_colours_are_refused(tmp_path):
    bands = np.zeros((8, 8, 6), np.uint8)
    tifffile.imwrite(tmp_path / "six.tif", bands, photometric="minisblack", planarconfig="contig")
    with pytest.raises(BadRequest, match="6 channels"):
        photo(tmp_path / "six.tif")


def test_a_name_that_libvips_would_take_for_options_is_a_name(tmp_path):
    IMAGE.save(tmp_path / "photo.png[page=3]", format="png")
    assert farthest(photo(tmp_path / "photo.png[page=3]").pixels, RGB) == 0


def test_a_photo_is_written_down_and_found_again(tmp_path):
    path = tmp_path / "ramp.png"
    IMAGE.save(path)
    told = photo(path).to_json()
    assert told["path"] == str(path) and from_json(told).pixels.tolist() == RGB.tolist()
    assert photo(RGB).to_json() == {"path": None, "digest": told["digest"]}  # of the pixels
    Image.fromarray(255 - RGB).save(path)
    with pytest.raises(BadRequest, match=r"ramp\.png is another image"):
        from_json(told)
    path.unlink()
    with pytest.raises(BadRequest, match="is no file"):
        from_json(told)
    with pytest.raises(BadRequest, match="do not hold"):
        from_json(photo(RGB).to_json())
    assert photo(RGB.reshape(64, 48, 3)).digest != photo(RGB).digest
