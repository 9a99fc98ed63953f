"""Pictures of any size: what other readers find in them, and what is left when writing fails."""

import itertools
import mmap
import os
import shutil
import subprocess
import sys
import weakref
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import tifffile
from PIL import Image

import muralist
from muralist import BadRequest
from muralist.models import Toy
from muralist.sinks import check_space, check_writable, read_settings, save, spool, unpainted, vips
from tests.laws.parts import Watched, painted, toy_request

SIZES = [(1, 1), (5, 7), (512, 510), (513, 511), (1021, 1), (1, 1300), (700, 1030)]
EVERY_SIZE = pytest.mark.parametrize("size", SIZES, ids=str)
ENDINGS = ["png", "jpg", "webp", "tif", "dzi"]
EVERY_ENDING = pytest.mark.parametrize("ending", ENDINGS)


def grain(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def slopes(height: int, width: int) -> np.ndarray:
    """Smooth, so that JPEG loses little of it."""
    rows, columns = np.ogrid[:height, :width]
    channels = np.broadcast_arrays(rows * 255 / height, columns * 255 / width, 128)
    return np.stack(channels, axis=-1).astype(np.uint8)


def halved(pixels: np.ndarray) -> np.ndarray:
    """The mean of every two by two pixels; a row or column left over is left out."""
    height, width = (max(side // 2, 1) for side in pixels.shape[:2])
    part = pixels[: 2 * height, : 2 * width].astype(float)
    rows = part.reshape(height, -1, *part.shape[1:]).mean(axis=1)
    return rows.reshape(height, width, -1, 3).mean(axis=2)


# --- TIFF ----------------------------------------------------------------------------------------


@EVERY_SIZE
@pytest.mark.parametrize("ending", ["tif", "tiff"])
def test_a_tiff_holds_the_picture_exactly_and_every_scale_of_it(tmp_path, size, ending):
    pixels = grain(*size)
    with tifffile.TiffFile(save(pixels, tmp_path / f"a.{ending}", {})) as file:
        levels = [page.asarray() for page in file.pages]
        assert file.is_bigtiff and all(page.is_tiled for page in file.pages)
    assert np.array_equal(levels[0], pixels)
    for level, half in itertools.pairwise(levels):
        expected = halved(level)
        assert half.shape == expected.shape
        assert np.abs(half - expected).max() <= 1  # libvips rounds
    assert max(levels[-1].shape) <= 512 or min(levels[-1].shape[:2]) == 1  # one tile, or a line
    assert len(levels) == 1 or max(levels[-2].shape) > 512


def test_levels_are_marked_as_reductions(tmp_path):
    with tifffile.TiffFile(save(grain(1100, 600), tmp_path / "a.tif", {})) as file:
        assert [bool(page.is_reduced) for page in file.pages] == [False, True, True]


def test_the_description_of_a_tiff_is_ascii_whatever_the_prompt(tmp_path):
    prompt = 'a cat, “quoted” "so" \\ \n<x> -- 猫 (ASCII, 3)'
    path = save(grain(4, 4), tmp_path / "a.tif", {"prompt": prompt})
    with tifffile.TiffFile(path) as file:
        assert file.pages[0].tags["ImageDescription"].value.isascii()
    assert read_settings(path) == {"prompt": prompt}


# --- Deep Zoom -----------------------------------------------------------------------------------


def reassembled(level: Path, height: int, width: int, overlap: int, side: int) -> np.ndarray:
    """A level by the definition of the format: tile c_r holds pixels from c side - overlap on."""
    picture = np.zeros((height, width, 3), np.uint8)
    seen = np.zeros((height, width), bool)
    for file in level.iterdir():
        column, row = map(int, file.stem.split("_"))
        top, left = max(row * side - overlap, 0), max(column * side - overlap, 0)
        bottom = min((row + 1) * side + overlap, height)
        right = min((column + 1) * side + overlap, width)
        with Image.open(file) as tile:
            assert tile.size == (right - left, bottom - top)
            picture[top:bottom, left:right] = np.asarray(tile)
        seen[top:bottom, left:right] = True
    assert seen.all()
    return picture


@EVERY_SIZE
def test_the_tiles_of_a_deep_zoom_picture_are_the_picture(tmp_path, size):
    pixels = slopes(*size)
    path = save(pixels, tmp_path / "a.dzi", {"prompt": "a cat"})
    root = ElementTree.parse(path).getroot()
    space = "{http://schemas.microsoft.com/deepzoom/2008}"
    found = root.find(f"{space}Size")
    assert root.tag == f"{space}Image" and root.get("Format") == "jpg" and found is not None
    assert (int(found.attrib["Height"]), int(found.attrib["Width"])) == size

    levels = sorted((tmp_path / "a_files").iterdir(), key=lambda level: int(level.name))
    assert [int(level.name) for level in levels] == list(range(len(levels)))
    layout = int(root.attrib["Overlap"]), int(root.attrib["TileSize"])
    for above, level in enumerate(reversed(levels)):
        shape = [-(-side // 2**above) for side in size]  # the format rounds up
        picture = reassembled(level, *shape, *layout)
        if above == 0:
            assert np.abs(picture.astype(int) - pixels).mean() < 3  # JPEG of quality 90
    assert shape == [1, 1]


def test_a_name_may_have_dots_brackets_and_letters_of_any_script(tmp_path):
    for name in ("a.b.dzi", "猫[Q=1].dzi", "a b.DZI", "猫[Q=1].tif"):
        path = save(slopes(8, 8), tmp_path / name, {"prompt": name})
        assert path.is_file() and read_settings(path) == {"prompt": name}
    assert (tmp_path / "a.b_files" / "0" / "0_0.jpg").is_file()


def test_tiles_that_belong_to_no_picture_are_not_touched(tmp_path):
    (tmp_path / "a_files").mkdir()
    with pytest.raises(BadRequest, match=r"a_files is there and belongs to no a\.dzi; move it"):
        check_writable(tmp_path / "a.dzi")


def test_a_name_whose_folder_of_tiles_would_be_too_long_is_refused(tmp_path):
    check_writable(tmp_path / f"{'a' * 249}.dzi")
    with pytest.raises(BadRequest, match="too long for the name of a file"):
        check_writable(tmp_path / f"{'a' * 250}.dzi")


@pytest.mark.parametrize(
    "text", ["no xml", "<Image/>", "<Image xmlns:m='urn:muralist' m:settings='{'/>"]
)
def test_a_deep_zoom_picture_without_settings_is_refused(tmp_path, text):
    (tmp_path / "a.dzi").write_text(text)
    with pytest.raises(BadRequest, match=r"a\.dzi (cannot be read as a picture|holds no settings)"):
        read_settings(tmp_path / "a.dzi")


# --- whole or not at all -------------------------------------------------------------------------


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@EVERY_ENDING
@pytest.mark.parametrize("there", [False, True], ids=["new", "existing"])
@pytest.mark.parametrize("reason", [OSError("no space"), KeyboardInterrupt()], ids=repr)
def test_a_failure_while_writing_leaves_everything_as_it_was(
    tmp_path, monkeypatch, ending, there, reason
):
    path = tmp_path / f"a.{ending}"
    if there:
        save(grain(9, 9), path, {"prompt": "before"})
    before = contents(tmp_path)
    write = vips.write

    def broken(*arguments, **options):
        write(*arguments, **options)
        raise reason

    monkeypatch.setattr(vips, "write", broken)
    with pytest.raises(type(reason)):
        save(grain(5, 7), path, {})
    assert contents(tmp_path) == before
    assert {each.name for each in tmp_path.iterdir()} <= {path.name, "a_files"}


@pytest.mark.parametrize("moves", range(4))
def test_a_deep_zoom_picture_is_replaced_whole_or_kept(tmp_path, monkeypatch, moves):
    """Four moves: the old descriptor, the old tiles, the new tiles, the new descriptor."""
    path = save(grain(9, 9), tmp_path / "a.dzi", {"prompt": "before"})
    before, rename, left = contents(tmp_path), Path.rename, [moves]

    def failing_once(self, target):
        left[0] -= 1
        if left[0] == -1:
            raise OSError("broken")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing_once)
    with pytest.raises(OSError, match="broken"):
        save(grain(700, 600), path, {})
    assert contents(tmp_path) == before


def test_at_no_moment_does_a_descriptor_stand_among_tiles_of_another(tmp_path, monkeypatch):
    """Looked at before each move, as a crash would leave it."""
    path, rename, moments = tmp_path / "a.dzi", Path.rename, []
    old, new = grain(9, 9), grain(700, 600)
    save(old, path, {})

    def watched(self, target):
        moments.append(sorted(file.name for file in tmp_path.iterdir() if file.name[0] == "a"))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", watched)
    save(new, path, {})
    assert moments == [["a.dzi", "a_files"], ["a_files"], [], ["a_files"]]


@EVERY_ENDING
def test_an_existing_picture_is_replaced(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    save(grain(1200, 600), path, {"prompt": "before"})
    save(grain(5, 7), path, {"prompt": "after"})
    elsewhere = tmp_path / "elsewhere"
    save(grain(5, 7), elsewhere / path.name, {"prompt": "after"})
    expected = contents(elsewhere)
    assert {name: contents(tmp_path)[name] for name in expected} == expected
    assert {each.name for each in tmp_path.iterdir()} <= {path.name, "a_files", "elsewhere"}
    assert len(contents(tmp_path)) == 2 * len(expected)  # nothing is left of the larger one


def said_by(program: str, folder: Path) -> str:
    """What a Python program prints in a process of its own."""
    command = [sys.executable, "-c", program]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_full_disk_leaves_no_broken_picture(tmp_path):
    """No file of the process may grow beyond 2,000 bytes: it is the system that says so."""
    program = f"""
import resource
import numpy as np
from muralist.sinks import save
pixels = np.random.default_rng(0).integers(0, 256, (600, 600, 3), np.uint8)
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
for ending in {ENDINGS}:
    try:
        save(pixels, f"a.{{ending}}", {{}})
    except OSError as error:
        print(error)
"""
    said = said_by(program, tmp_path)
    assert said == "the picture cannot be written: File too large\n" * len(ENDINGS)
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_stops_the_writer_and_leaves_nothing(tmp_path):
    """It comes as soon as there is something unfinished; writing all of it would take longer."""
    program = f"""
import os, pathlib, signal, threading, time
import numpy as np
from muralist.sinks import save
pixels = np.random.default_rng(0).integers(0, 256, (3000, 3000, 3), np.uint8)

def interrupt():
    while not list(pathlib.Path().glob(".unfinished-*/*")):
        time.sleep(0.001)
    signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

signal.signal(signal.SIGINT, signal.default_int_handler)
for ending in {ENDINGS}:
    threading.Thread(target=interrupt).start()
    try:
        save(pixels, f"a.{{ending}}", {{}})
    except KeyboardInterrupt:
        print(ending)
"""
    assert said_by(program, tmp_path).split() == ENDINGS
    assert list(tmp_path.iterdir()) == []


# --- the spool -----------------------------------------------------------------------------------


@pytest.fixture
def spooled(monkeypatch):
    """Even small pictures go to files."""
    monkeypatch.setattr(spool, "IN_MEMORY", 0)


def test_pixels_beyond_half_a_gibibyte_are_a_files(tmp_path):
    side = 2**14
    assert not isinstance(unpainted(side // 2, side // 2).base, mmap.mmap)
    large = unpainted(side, side, tmp_path)
    assert isinstance(large.base, mmap.mmap) and large.shape == (side, side, 3)
    large[-1, -1] = 7
    assert large[-1].sum() == 21


def test_a_spool_has_no_name_and_goes_with_its_pixels(tmp_path, spooled):
    pixels = unpainted(64, 48, tmp_path)
    gone = weakref.ref(pixels.base)
    assert list(tmp_path.iterdir()) == []
    del pixels
    assert gone() is None


def test_a_spool_that_finds_no_room_is_an_error_at_once(tmp_path):
    """And not a crash when its pixels are written."""
    program = """
import resource
from muralist.sinks import spool
spool.IN_MEMORY = 0
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
try:
    spool.unpainted(100, 100, ".")
except OSError as error:
    print(error.strerror)
"""
    assert said_by(program, tmp_path) == "File too large\n"
    assert list(tmp_path.iterdir()) == []


@EVERY_ENDING
def test_a_spooled_picture_is_the_picture(tmp_path, monkeypatch, ending):
    request = toy_request(model="toy", height=48, width=32)
    in_memory = painted(request)
    monkeypatch.setattr(spool, "IN_MEMORY", 0)
    events = list(muralist.generate(request, spool=tmp_path / "made" / "later"))
    picture = events[-1].picture
    assert isinstance(picture.pixels.base, mmap.mmap)
    for one, other in zip(picture.stages, in_memory.stages, strict=True):
        assert np.array_equal(one.pixels, other.pixels)
    one = picture.save(tmp_path / "one" / f"a.{ending}")
    other = in_memory.save(tmp_path / "other" / f"a.{ending}")
    assert contents(one.parent) == contents(other.parent)


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="room is taken in another way")
def test_the_room_for_pixels_is_taken_before_anything_is_painted(tmp_path, monkeypatch, spooled):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    watched = Watched(Toy())
    with pytest.raises(OSError, match="No space left"):
        painted(toy_request(model=watched))
    assert watched.rows == []


def test_room_is_asked_of_the_folder_that_there_is(tmp_path):
    folder = tmp_path / "not" / "yet"
    check_space(folder / "a.tif", [(folder, 8)])
    with pytest.raises(BadRequest, match=rf"GiB of disk until it is written, and {tmp_path} has"):
        check_space(folder / "a.tif", [(folder, 2**60)])


def test_what_is_needed_on_one_disk_is_added_up(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=2**20))
    needs = [(tmp_path / "a", 2**19), (tmp_path / "b", 2**19)]
    check_space(tmp_path / "a.tif", needs)
    with pytest.raises(BadRequest, match=r"takes about 1\.0 MiB of disk"):
        check_space(tmp_path / "a.tif", [*needs, (tmp_path, 1)])
