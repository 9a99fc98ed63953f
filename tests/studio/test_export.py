"""What is taken away is the picture, whole, with its settings; and takes no memory of its size."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from zipfile import ZipFile

import numpy as np
import psutil
import pytest
import pyvips
from PIL import Image

from muralist import BadRequest
from muralist.sinks import read_settings
from muralist.studio import export
from muralist.studio.deepzoom import Pyramid
from muralist.studio.export import exported
from tests.studio.works import finished, slopes, toy_request

WRITTEN = pytest.mark.parametrize("kind", ["png", "dzi"])


@pytest.fixture
def picture(tmp_path) -> Path:
    return finished(tmp_path / "work", picture=slopes(700, 1030)).picture


def test_a_png_is_the_picture_and_its_settings(picture):
    path = exported(picture, "png")
    assert path == picture.with_name("picture.png")
    with Image.open(path) as image:
        assert image.format == "PNG" and np.array_equal(np.asarray(image), slopes(700, 1030))
    assert read_settings(path) == toy_request().to_json()


def test_a_tiff_is_the_file_itself(picture):
    before = sorted(picture.parent.iterdir())
    assert exported(picture, "tiff") == picture
    assert sorted(picture.parent.iterdir()) == before


def test_a_zip_holds_what_the_viewer_is_shown_and_the_settings(picture, tmp_path):
    with ZipFile(exported(picture, "dzi")) as archive:
        assert archive.testzip() is None
        archive.extractall(tmp_path / "unpacked")
    tiles = tmp_path / "unpacked" / "picture_files"
    pyramid = Pyramid(picture)
    expected = {
        Path(f"{level}/{column}_{row}.jpg"): pyramid.tile(level, column, row)
        for level, column, row in pyramid.places()
    }
    found = {path.relative_to(tiles): path.read_bytes() for path in tiles.rglob("*.jpg")}
    assert found == expected
    assert read_settings(tmp_path / "unpacked" / "picture.dzi") == toy_request().to_json()


@WRITTEN
def test_it_is_written_once_and_anew_for_another_picture(picture, kind):
    path = exported(picture, kind)
    first = path.stat()
    assert exported(picture, kind).stat().st_mtime_ns == first.st_mtime_ns
    time.sleep(0.01)
    picture.touch()
    assert exported(picture, kind).stat().st_mtime_ns > first.st_mtime_ns


@WRITTEN
def test_it_appears_whole_or_not_at_all(picture, kind, monkeypatch):
    monkeypatch.setattr(export, "move", _no_room)
    with pytest.raises(OSError, match="no room"):
        exported(picture, kind)
    assert [path.name for path in picture.parent.iterdir() if path.name != "work.json"] == [
        picture.name
    ]


@WRITTEN
def test_a_picture_that_is_gone_is_an_error_of_the_system(tmp_path, kind):
    with pytest.raises(OSError, match=r"picture\.tif cannot be read"):
        exported(tmp_path / "picture.tif", kind)


def test_a_disk_without_room_is_told_before_anything_is_written(picture, monkeypatch):
    monkeypatch.setattr(export.shutil, "disk_usage", lambda _: SimpleNamespace(free=1 << 20))
    with pytest.raises(BadRequest, match=r"takes about 1\.\d MiB of disk, and 1\.\d MiB are free"):
        exported(picture, "png")


@WRITTEN
def test_it_takes_a_fraction_of_the_picture_in_memory(tmp_path, kind):
    """Of a picture of 192 MiB."""
    path, size = tmp_path / "picture.tif", 8192
    options = {"tile_width": 512, "tile_height": 512, "compression": "deflate"}
    pyvips.Image.black(size, size, bands=3).tiffsave(
        str(path), bigtiff=True, pyramid=True, tile=True, **options
    )
    Pyramid(path).tile(0, 0, 0)
    with _watched() as most:
        exported(path, kind)
    assert most() < 100 << 20


@contextmanager
def _watched() -> Iterator[Callable[[], int]]:
    """How much more memory than at the beginning there was in use, at most."""
    me, ended = psutil.Process(), threading.Event()
    before = me.memory_info().rss
    seen = [before]

    def watch() -> None:
        while not ended.wait(0.01):
            seen.append(me.memory_info().rss)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield lambda: max(seen) - before
    finally:
        ended.set()
        thread.join()


def _no_room(*_):
    raise OSError("no room")
