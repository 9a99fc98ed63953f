"""Tiles made on demand are the picture, at every level, whatever its size."""

import io
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from xml.etree import ElementTree

import numpy as np
import psutil
import pytest
import pyvips
import tifffile
from PIL import Image

from muralist import BadRequest
from muralist.sinks import save
from muralist.studio.deepzoom import SIDE, Pyramid
from tests.studio.works import slopes

SIZES = [(1, 1), (7, 5), (1, 1300), (1300, 1), (3, 2100), (512, 512), (513, 511), (1537, 1025)]
EVERY_SIZE = pytest.mark.parametrize("size", SIZES, ids=str)
LOSS = 8  # shades at most that JPEG of quality 90 loses of slopes


def pyramid(folder, height: int, width: int) -> Pyramid:
    return Pyramid(save(slopes(height, width), folder / "picture.tif", {"prompt": "a slope"}))


def levels(pyramid: Pyramid) -> dict[int, np.ndarray]:
    """Each level, its tiles put together: `height width 3`."""
    rows: dict[int, dict[int, list[np.ndarray]]] = {}
    for level, column, row in pyramid.places():
        with Image.open(io.BytesIO(pyramid.tile(level, column, row))) as tile:
            rows.setdefault(level, {}).setdefault(row, []).append(np.asarray(tile))
    return {
        level: np.concatenate([np.concatenate(found[row], 1) for row in sorted(found)])
        for level, found in rows.items()
    }


def off(one: np.ndarray, other: np.ndarray) -> int:
    return int(np.abs(one.astype(int) - other).max())


@EVERY_SIZE
def test_tiles_put_together_are_the_picture_and_its_pages(tmp_path, size):
    made = pyramid(tmp_path, *size)
    put_together = levels(made)
    last = max(put_together)
    assert last == (max(size) - 1).bit_length() and set(put_together) == set(range(last + 1))
    for level, pixels in put_together.items():
        assert pixels.shape[:2] == tuple(-(-side // 2 ** (last - level)) for side in size)
    with tifffile.TiffFile(made.path) as file:
        for halvings, page in enumerate(file.pages):
            expected = page.asarray()
            height, width, _ = expected.shape
            assert off(put_together[last - halvings][:height, :width], expected) <= LOSS


@pytest.mark.parametrize("size", [size for size in SIZES if 3 not in size], ids=str)
def test_every_level_shows_the_same_picture(tmp_path, size):
    """Those that are no page of the file too, down to a single pixel.

    (Of three rows the pages show two.)
    """
    mean = slopes(*size).mean((0, 1))
    for pixels in levels(pyramid(tmp_path, *size)).values():
        assert np.abs(pixels.mean((0, 1)) - mean).max() <= LOSS


def test_the_descriptor_says_how_tiles_lie(tmp_path):
    root = ElementTree.fromstring(pyramid(tmp_path, 700, 1030).dzi().encode())
    space = "{http://schemas.microsoft.com/deepzoom/2008}"
    size = root.find(f"{space}Size")
    assert root.tag == f"{space}Image" and size is not None
    assert (size.get("Width"), size.get("Height")) == ("1030", "700")
    assert [root.get(name) for name in ("Format", "TileSize", "Overlap")] == ["jpg", "512", "0"]


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ((12, 0, 0), "level is 12; there are 0 to 11"),
        ((-1, 0, 0), "level is -1; there are 0 to 11"),
        ((11, 3, 0), "column is 3; there are 0 to 2"),
        ((11, 0, 2), "row is 2; there are 0 to 1"),
        ((11, -1, 0), "column is -1; there are 0 to 2"),
        ((0, 0, 1), "row is 1; there are 0 to 0"),
        ((10**9, 0, 0), "level is 1000000000"),
    ],
)
def test_tiles_that_are_not_there_are_refused(tmp_path, place, message):
    with pytest.raises(BadRequest, match=message):
        pyramid(tmp_path, 700, 1030).tile(*place)


def test_a_file_that_is_gone_or_no_picture_is_an_error_of_the_system(tmp_path):
    with pytest.raises(OSError, match=r"picture\.tif cannot be read"):
        Pyramid(tmp_path / "picture.tif").tile(0, 0, 0)
    (tmp_path / "picture.tif").write_bytes(b"II+\0 no picture")
    with pytest.raises(OSError, match=r"picture\.tif cannot be read"):
        Pyramid(tmp_path / "picture.tif").dzi()


def test_a_picture_that_takes_the_place_of_another_is_seen_at_once(tmp_path):
    made = pyramid(tmp_path, 700, 1030)
    before = made.tile(11, 0, 0)
    save(255 - slopes(700, 1030), made.path, {})
    assert made.tile(11, 0, 0) != before
    save(slopes(600, 600), made.path, {})
    assert made.size == (600, 600)


def test_threads_get_the_tiles_that_one_alone_gets(tmp_path):
    made = pyramid(tmp_path, 1537, 1025)
    places = list(made.places())
    alone = [made.tile(*place) for place in places]
    shuffled = random.Random(0).sample(range(len(places)), len(places)) * 3
    with ThreadPoolExecutor(8) as threads:
        together = list(threads.map(lambda at: (at, made.tile(*places[at])), shuffled))
    assert all(tile == alone[at] for at, tile in together)


def test_any_number_of_tiles_takes_the_same_memory_and_few_files(tmp_path):
    """Of a picture of 192 MiB, its tiles twice over."""
    path = tmp_path / "large.tif"
    options = {"tile_width": SIDE, "tile_height": SIDE, "compression": "deflate"}
    pyvips.Image.black(8192, 8192, bands=3).tiffsave(
        str(path), bigtiff=True, pyramid=True, tile=True, **options
    )
    made, me = Pyramid(path), psutil.Process()
    places = list(made.places())
    for place in places[:8]:
        made.tile(*place)
    before, threads = me.memory_info().rss, threading.active_count()
    for place in [*places, *places]:
        made.tile(*place)
    assert me.memory_info().rss - before < 48 << 20
    assert me.num_fds() < 128 and threading.active_count() == threads
