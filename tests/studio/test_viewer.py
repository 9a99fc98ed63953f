"""The viewer, in a real browser: what it shows is read from its pixels."""

import io
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from muralist import DemoFusion
from muralist.canvas import View
from muralist.stage import Explanation
from muralist.studio import why
from muralist.studio.drawn import drawn
from muralist.studio.files import HEAD, STATIC, routes
from muralist.studio.scene import Heat, Scene, Source, layer, still
from muralist.studio.work import Work
from tests.studio.works import finished, toy_request

RED, BLUE, GREEN, BLACK = (200, 40, 40), (40, 60, 200), (30, 160, 60), (0, 0, 0)
PAGE = f"""<!doctype html><title>viewer</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">{HEAD}
<style>body {{ margin: 12px; background: #fff }} body.dark {{ background: #0b0b0d }}</style>
<div id="muralist-viewer"></div>"""
LATE = PAGE.replace('<div id="muralist-viewer"></div>', "")


def plain(height: int, width: int, colour: tuple[int, int, int]) -> np.ndarray:
    return np.full((height, width, 3), colour, np.uint8)


def quarters(height: int, width: int) -> np.ndarray:
    """Red, green, blue and black, in reading order; a fine checkerboard in the last one."""
    pixels = plain(height, width, RED)
    pixels[: height // 2, width // 2 :] = GREEN
    pixels[height // 2 :, : width // 2] = BLUE
    pixels[height // 2 :, width // 2 :] = BLACK
    board = pixels[height // 2 :, width // 2 :]
    rows, columns = np.ogrid[: board.shape[0], : board.shape[1]]
    board[(rows // 8 + columns // 8) % 2 == 1] = 255
    return pixels


@pytest.fixture(scope="module")
def work(tmp_path_factory) -> Work:
    request = toy_request(height=64, width=96, method=DemoFusion(jitter=0))
    work = finished(
        tmp_path_factory.mktemp("gallery") / "0123456789abcdef",
        request,
        stage_1=plain(400, 600, RED),
        stage_2=plain(333, 500, GREEN),
        picture=quarters(2000, 3000),
    )
    half = torch.zeros(2, 4)
    half[:, :2] = 1
    views = [(View(0, 0, 64, 48), "a wave"), (View(0, 48, 64, 48), "")]
    why.keep(work, 6, Explanation(maps=[("wave", half)], views=views))
    return work


@pytest.fixture(scope="module")
def address(work) -> Iterator[str]:
    """Of a server of this work, and of a page with nothing but the viewer."""
    import uvicorn
    from fastapi import FastAPI
    from fastapi.responses import HTMLResponse
    from fastapi.staticfiles import StaticFiles

    app = FastAPI()
    app.include_router(routes(lambda id: work))
    app.mount("/static", StaticFiles(directory=STATIC))
    app.get("/")(lambda: HTMLResponse(PAGE))
    app.get("/late")(lambda: HTMLResponse(LATE))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", ws="none"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


class Seen:
    """A page with the viewer, and what its pixels are."""

    def __init__(self, page: Any, address: str) -> None:
        self.page = page
        page.goto(address)
        self.frame = page.locator(".muralist-frame")

    def show(self, **scene: Any) -> None:
        told = json.dumps(Scene(**{"work": "w", **scene}).to_json())
        self.page.evaluate(f"muralist.show({told})")

    @property
    def pixels(self) -> np.ndarray:
        """Of the viewer alone: `height width 3`."""
        with Image.open(io.BytesIO(self.frame.screenshot())) as image:
            return np.asarray(image.convert("RGB")).astype(int)

    def at(self, across: float, down: float) -> np.ndarray:
        """The colour at a share of the viewer's width and height."""
        pixels = self.pixels
        height, width, _ = pixels.shape
        return pixels[int(down * height), int(across * width)]

    def comes(self, is_so: Callable[[], bool], seconds: float = 10) -> None:
        ends = time.monotonic() + seconds
        while not is_so():
            assert time.monotonic() < ends, "it was never seen"
            self.page.wait_for_timeout(30)

    def colour(self, across: float, down: float, colour: tuple[int, int, int]) -> None:
        """Waits until it is seen there."""
        self.comes(lambda: near(self.at(across, down), colour))

    def zoomed(self, times: int) -> None:
        for _ in range(times):
            self.page.get_by_role("button", name="Zoom in").click()
        self.page.wait_for_timeout(200)


@pytest.fixture
def seen(page, address) -> Seen:
    return Seen(page, address)


def near(one: np.ndarray, other: Any, most: int = 12) -> bool:
    return bool(np.abs(np.asarray(one) - np.asarray(other)).max() <= most)


def tiles(page: Any) -> list[tuple[int, int, int]]:
    """Levels, columns and rows of all tiles of the picture that were asked for."""
    found = []
    for url in page.evaluate("performance.getEntriesByType('resource').map(each => each.name)"):
        if "/picture_files/" in url:
            level, name = url.split("?")[0].removesuffix(".jpg").split("/")[-2:]
            found.append((int(level), *map(int, name.split("_"))))
    return found


# --- looking -------------------------------------------------------------------------------------


def test_nothing_is_shown_as_a_calm_sentence(seen, keep):
    seen.show()
    assert seen.page.get_by_text("What you paint appears here").is_visible()
    assert not seen.page.get_by_role("button", name="Zoom in").is_visible()
    keep(seen.page, "viewer-empty")


def test_a_picture_is_drawn_whole_in_its_colours(seen, work, keep):
    seen.show(image=layer(work, "picture"), labels=("final", ""))
    seen.colour(0.4, 0.3, RED)
    assert near(seen.at(0.6, 0.3), GREEN) and near(seen.at(0.4, 0.7), BLUE)
    keep(seen.page, "viewer-whole")


def test_zooming_shows_finer_tiles_and_no_others(seen, work, keep):
    """The checkerboard of eight pixels is grey from afar, and black and white close by."""
    seen.show(image=layer(work, "picture"))
    seen.colour(0.4, 0.3, RED)
    before = set(tiles(seen.page))
    assert max(level for level, _, _ in before) <= 11
    seen.page.mouse.move(900, 550)
    for _ in range(8):
        seen.page.mouse.wheel(0, -120)
        seen.page.wait_for_timeout(60)
    seen.comes(lambda: max(level for level, _, _ in tiles(seen.page)) == 12)

    def board() -> bool:
        part = seen.pixels[450:550, 850:950]
        return bool((part < 40).mean() > 0.3 and (part > 215).mean() > 0.3)

    seen.comes(board)
    finest = {tile for tile in tiles(seen.page) if tile[0] == 12}
    assert len(finest) < 24  # that there are
    assert (12, 0, 0) not in finest
    keep(seen.page, "viewer-zoomed")


def test_plain_tiles_side_by_side_leave_no_lines_between_them(seen, work):
    """Of a picture of one colour, at a zoom where tiles end between pixels."""
    seen.show(image=layer(work, "stage-1"))
    seen.colour(0.5, 0.5, RED)
    for _ in range(3):
        middle = seen.pixels[150:400, 320:920].reshape(-1, 3)
        assert near(middle.min(0), RED) and near(middle.max(0), RED)
        seen.page.mouse.move(700, 300)
        seen.page.mouse.wheel(0, -120)
        seen.page.wait_for_timeout(200)


def test_buttons_zoom_and_fit_and_the_small_map_is_there_when_it_is_needed(seen, work):
    seen.show(image=layer(work, "picture"))
    seen.colour(0.4, 0.3, RED)
    whole = seen.pixels
    seen.zoomed(2)
    assert near(seen.at(0.1, 0.1), RED)
    small = seen.page.locator(".navigator")
    assert small.is_visible()
    seen.page.get_by_role("button", name="Zoom out").click()
    seen.page.get_by_role("button", name="Fit").click()
    seen.page.mouse.move(5, 5)
    seen.comes(lambda: float(np.abs(seen.pixels - whole).mean()) < 1)
    assert not small.is_visible()


def test_keys_move_and_zoom_the_picture(seen, work):
    seen.show(image=layer(work, "picture"))
    seen.colour(0.4, 0.3, RED)
    place = navigated(seen)
    seen.page.get_by_role("application").focus()
    for _ in range(3):
        seen.page.keyboard.press("+")
    seen.comes(lambda: navigated(seen)[2] < place[2])
    place = navigated(seen)
    seen.page.keyboard.press("ArrowRight", delay=200)
    seen.comes(lambda: navigated(seen)[0] > place[0])


def test_a_double_tap_zooms(opened, address, work):
    seen = Seen(opened(390, 844, has_touch=True, is_mobile=True), address)
    seen.show(image=layer(work, "picture"))
    seen.colour(0.3, 0.45, RED)
    assert not near(seen.at(0.3, 0.2), RED)
    for _ in range(2):
        seen.page.touchscreen.tap(110, 260)
    seen.colour(0.3, 0.3, RED)


def test_the_handle_and_every_button_have_names_and_can_be_reached_by_keyboard(seen, work):
    seen.show(image=layer(work, "stage-1"), beside=layer(work, "picture"), labels=("base", "final"))
    seen.colour(0.3, 0.3, RED)
    reached = []
    for _ in range(9):
        seen.page.keyboard.press("Tab")
        active = "document.activeElement.ariaLabel || document.activeElement.tagName"
        reached.append(seen.page.evaluate(active))
    assert reached[:6] == [
        "The picture: arrows move it, + and - zoom",
        "Wipe between base and final",
        "Zoom in",
        "Zoom out",
        "Fit",
        "Full screen",
    ]
    assert set(reached[6:]) <= {"BODY", *reached[:6]}


# --- wiping --------------------------------------------------------------------------------------


def wiped(seen: Seen, work: Work) -> Any:
    seen.show(image=layer(work, "stage-1"), beside=layer(work, "picture"), labels=("base", "final"))
    handle = seen.page.get_by_role("slider")
    seen.comes(handle.is_visible)
    seen.colour(0.7, 0.3, GREEN)
    return handle


def test_the_wipe_shows_the_base_at_the_left_and_the_final_picture_at_the_right(seen, work, keep):
    """At a quarter of the width, of pictures of other sizes in pixels."""
    handle = wiped(seen, work)
    box, frame = handle.bounding_box(), seen.frame.bounding_box()
    seen.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 100)
    seen.page.mouse.down()
    seen.page.mouse.move(frame["x"] + frame["width"] / 4, box["y"] + 100, steps=5)
    seen.page.mouse.up()
    assert handle.get_attribute("aria-valuenow") == "25"
    seen.comes(lambda: near(seen.at(0.3, 0.7), BLUE))
    pixels = seen.pixels
    row, edge = pixels[int(0.7 * len(pixels))], int(pixels.shape[1] / 4)
    start = next(at for at in range(len(row)) if near(row[at], RED))
    assert all(near(each, RED) for each in row[start : edge - 3])
    assert all(near(each, BLUE) for each in row[edge + 3 : pixels.shape[1] // 2 - 3])
    keep(seen.page, "viewer-wipe")


def test_the_wipe_is_moved_by_keys(seen, work):
    handle = wiped(seen, work)
    handle.focus()
    for key, value in [
        ("ArrowLeft", "49"),
        ("ArrowUp", "50"),
        ("PageDown", "40"),
        ("Shift+ArrowRight", "50"),
        ("End", "100"),
        ("ArrowRight", "100"),
        ("Home", "0"),
    ]:
        seen.page.keyboard.press(key)
        assert handle.get_attribute("aria-valuenow") == value
    seen.comes(lambda: near(seen.at(0.3, 0.7), BLUE))
    seen.page.keyboard.press("End")
    seen.comes(lambda: near(seen.at(0.7, 0.3), RED) and near(seen.at(0.3, 0.7), RED))
    assert handle.get_attribute("aria-valuetext") == "100 % base, the rest final"


def test_the_wipe_stays_where_it_is_while_the_picture_is_moved_and_zoomed(seen, work):
    wiped(seen, work)
    for _ in range(3):
        seen.zoomed(1)
        pixels = seen.pixels
        row, middle = pixels[len(pixels) // 4], pixels.shape[1] // 2
        assert near(row[middle - 4], RED) and near(row[middle + 4], GREEN)
    seen.page.mouse.move(300, 300)
    seen.page.mouse.down()
    seen.page.mouse.move(500, 300, steps=4)
    seen.page.mouse.up()
    seen.page.wait_for_timeout(200)
    row = seen.pixels[len(seen.pixels) // 4]
    middle = len(row) // 2
    assert near(row[middle - 4], RED)
    assert near(row[middle + 4], RED)  # of the final picture: its red quarter is there now


def test_a_finger_moves_the_wipe(opened, address, work):
    seen = Seen(opened(390, 844, has_touch=True, is_mobile=True), address)
    handle = wiped(seen, work)
    client = seen.page.context.new_cdp_session(seen.page)
    y = handle.bounding_box()["y"] + 200
    for kind, x in [("touchStart", 195), ("touchMove", 150), ("touchMove", 100), ("touchEnd", 0)]:
        points = [] if kind == "touchEnd" else [{"x": x, "y": y}]
        client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    expected = round(100 * (100 - 12) / (390 - 24))
    assert abs(int(handle.get_attribute("aria-valuenow")) - expected) <= 1


def test_the_second_picture_goes_and_the_first_is_whole_again(seen, work):
    handle = wiped(seen, work)
    handle.focus()
    seen.page.keyboard.press("Home")
    seen.show(image=layer(work, "stage-1"))
    seen.comes(lambda: near(seen.at(0.3, 0.3), RED) and near(seen.at(0.7, 0.7), RED))
    assert not handle.is_visible()


# --- refreshing ----------------------------------------------------------------------------------


def test_a_refreshed_preview_keeps_zoom_and_position_without_a_flicker(seen, work):
    """From one preview to the next, and to the tiles of the finished picture."""
    write_preview(work, plain(100, 150, RED))
    seen.show(image=still(work))
    seen.colour(0.5, 0.5, RED)
    seen.zoomed(1)
    seen.page.evaluate("""() => {
        const canvas = document.querySelector(".muralist-pictures canvas");
        window.blinks = 0;
        const look = () => {
            const [r, g, b] = canvas.getContext("2d")
                .getImageData(canvas.width / 2, canvas.height / 2, 1, 1).data;
            if (r + g + b < 100) window.blinks += 1;
            window.looking = requestAnimationFrame(look);
        };
        look();
    }""")
    place = navigated(seen)
    for colour in (GREEN, BLUE):
        write_preview(work, plain(100, 150, colour))
        seen.show(image=still(work))
        seen.colour(0.5, 0.5, colour)
        assert navigated(seen) == place
    seen.show(image=layer(work, "stage-2"))
    seen.colour(0.5, 0.5, GREEN)
    assert navigated(seen) == place
    assert seen.page.evaluate("window.blinks") == 0
    work.preview.unlink()


def test_another_work_is_fitted(seen, work):
    seen.show(image=layer(work, "stage-1"))
    seen.colour(0.5, 0.5, RED)
    whole = navigated(seen)
    seen.zoomed(2)
    assert navigated(seen) != whole
    seen.show(work="another", image=layer(work, "stage-2"))
    seen.colour(0.5, 0.5, GREEN)
    seen.comes(lambda: near(np.array(navigated(seen)), whole, 2))


def test_the_last_of_many_scenes_is_what_is_shown(seen, work):
    for name in ("stage-1", "picture", "stage-2", "stage-1", "stage-2"):
        seen.show(image=layer(work, name))
    seen.colour(0.5, 0.5, GREEN)
    seen.page.wait_for_timeout(300)
    assert near(seen.at(0.5, 0.5), GREEN)


def test_a_picture_that_cannot_be_had_leaves_what_was_seen(seen, work):
    seen.show(image=layer(work, "stage-1"))
    seen.colour(0.5, 0.5, RED)
    seen.show(image=Source("dzi", "/works/0123456789abcdef/gone.dzi"))
    seen.page.wait_for_timeout(400)
    assert near(seen.at(0.5, 0.5), RED)
    seen.show(image=layer(work, "stage-2"))
    seen.colour(0.5, 0.5, GREEN)
    seen.page.wrong.clear()  # the console told of the missing file


# --- the container -------------------------------------------------------------------------------


def test_the_container_may_come_late_go_and_come_again(page, address, work):
    """As Gradio does: what was to be shown is shown, at the zoom that it had."""
    page.goto(f"{address}/late")
    told = json.dumps(Scene(work="w", image=layer(work, "stage-1")).to_json())
    page.evaluate(f"muralist.show({told})")
    page.evaluate("""document.body.innerHTML = '<div id="muralist-viewer"></div>'""")
    seen = Seen.__new__(Seen)
    seen.page, seen.frame = page, page.locator(".muralist-frame")
    seen.colour(0.5, 0.5, RED)
    seen.zoomed(1)
    place = navigated(seen)
    for container in (
        """document.body.innerHTML = '<main><div id="muralist-viewer"></div></main>'""",
        """document.getElementById("muralist-viewer").innerHTML = ''""",
    ):
        page.evaluate(container)
        seen.colour(0.5, 0.5, RED)
        seen.comes(lambda: near(np.array(navigated(seen)), place, 2))


def test_a_container_in_a_tab_that_is_hidden_is_as_it_was_when_it_is_seen_again(seen, work):
    seen.show(image=layer(work, "stage-1"))
    seen.colour(0.5, 0.5, RED)
    seen.zoomed(1)
    place = navigated(seen)
    seen.page.evaluate("document.getElementById('muralist-viewer').style.display = 'none'")
    seen.page.wait_for_timeout(200)
    seen.show(image=layer(work, "stage-2"))
    seen.page.evaluate("document.getElementById('muralist-viewer').style.display = ''")
    seen.colour(0.5, 0.5, GREEN)
    seen.comes(lambda: near(np.array(navigated(seen)), place, 2))


def navigated(seen: Seen) -> list[int]:
    """What the navigator says is seen: left, top, width and height in its pixels."""
    return seen.page.evaluate("""() => {
        const box = document.querySelector(".displayregion").getBoundingClientRect();
        return [box.x, box.y, box.width, box.height].map(Math.round);
    }""")


def write_preview(work: Work, pixels: np.ndarray) -> None:
    time.sleep(0.01)  # a later time
    Image.fromarray(pixels).save(work.preview, "JPEG", quality=95)


# --- what is drawn over it -----------------------------------------------------------------------


def test_windows_and_samples_are_drawn_where_they_are(seen, work, keep):
    """Of a canvas of 64 by 96 cells, over a picture of 400 by 600 pixels."""
    told = drawn(work.request, 6, 1)
    assert (told["height"], told["width"]) == (64, 96)
    seen.show(image=layer(work, "stage-1"))
    seen.colour(0.5, 0.5, RED)
    plain_pixels = seen.pixels
    seen.show(image=layer(work, "stage-1"), views=told)
    left, top, width, height = picture_box(plain_pixels)
    seen.comes(lambda: not np.array_equal(seen.pixels, plain_pixels))
    pixels = seen.pixels
    changed = np.abs(pixels - plain_pixels).max(-1) > 30
    scale = width / told["width"]
    for x in {window[0] for window in told["windows"]}:  # their left borders
        column = round(left + x * scale)
        inside = changed[round(top) + 8 : round(top + height) - 8, column - 2 : column + 3]
        assert inside.any(1).mean() > 0.9
    between = round(left + 4.5 * scale)
    assert changed[round(top) + 8 : round(top + height) - 8, between].mean() < 0.5
    lattice = told["lattices"][0]
    centre = lattice["left"] + lattice["step"] + 0.5, lattice["top"] + lattice["step"] + 0.5
    x, y = (round(start + at * scale) for start, at in zip((left, top), centre, strict=True))
    assert near(pixels[y, x], (255, 176, 0), 40)
    keep(seen.page, "viewer-views")


def test_a_subsampling_is_the_one_that_is_pointed_at(seen, work):
    """Its samples are lit, and those of the first one no longer."""
    told = {**drawn(work.request, 6, 1), "windows": [], "count": {"windows": 0, "lattices": 36}}
    seen.show(image=layer(work, "stage-1"), views=told)
    seen.colour(0.5, 0.47, RED)
    left, top, width, _ = picture_box(seen.pixels)
    scale, frame = width / 96, seen.frame.bounding_box()
    x, y = left + 39.5 * scale, top + 33.5 * scale  # 39 is 3 past a multiple of 6, and 33
    seen.page.mouse.move(frame["x"] + x, frame["y"] + y)
    seen.comes(lambda: near(seen.pixels[round(y), round(x)], (255, 176, 0), 40))


def test_of_many_views_it_is_said_how_many_are_drawn(seen, work):
    views = {
        **drawn(work.request, 6, 1),
        "count": {"windows": 103_000, "lattices": 36},
    }
    seen.show(image=layer(work, "stage-1"), views=views)
    count = len(views["windows"])
    words = f"{count} of 103,000 windows drawn · 36 subsamplings"
    assert seen.page.get_by_role("status").text_content() == words


def test_a_map_darkens_the_picture_where_its_word_is_not_looked_at(seen, work, keep):
    heat = Heat("/works/0123456789abcdef/why/6/0.png", 0.85)
    seen.show(image=layer(work, "stage-1"), map=heat)
    dark = tuple(round(0.15 * each) for each in RED)
    seen.colour(0.75, 0.5, dark)
    assert near(seen.at(0.3, 0.5), RED)
    seen.zoomed(1)  # it moves with the picture
    seen.comes(lambda: near(seen.at(0.95, 0.5), dark) and near(seen.at(0.05, 0.5), RED))
    keep(seen.page, "viewer-map")
    seen.show(image=layer(work, "stage-1"))
    seen.colour(0.75, 0.5, RED)


def test_a_map_reaches_the_borders_of_the_picture(opened, address, work):
    """Where the picture begins between two pixels of the screen, too."""
    for width in (390, 391, 392):
        seen = Seen(opened(width, 844), address)
        heat = Heat("/works/0123456789abcdef/why/6/0.png", 1)
        seen.show(image=layer(work, "stage-1"))
        seen.colour(0.9, 0.5, RED)
        column = seen.pixels[:, round(0.9 * (width - 24))]
        red = np.flatnonzero(np.abs(column - RED).max(-1) <= 12)
        seen.show(image=layer(work, "stage-1"), map=heat)
        seen.colour(0.9, 0.5, BLACK)
        dark = seen.pixels[red, round(0.9 * (width - 24))]
        assert dark[1:-1].max() <= 12


def test_what_a_window_was_asked_appears_by_pointer_and_by_keyboard(seen, work, keep):
    words = why.read(work, 6)
    seen.show(image=layer(work, "stage-1"), words=words)
    seen.colour(0.35, 0.2, RED)
    bubble = seen.page.locator(".muralist-bubble")
    frame = seen.frame.bounding_box()
    for share, text in ((0.35, "a wave"), (0.65, "(no word of the prompt)")):
        seen.page.mouse.move(frame["x"] + share * frame["width"], frame["y"] + 300)
        seen.comes(lambda text=text: bubble.is_visible() and bubble.text_content() == text)
    keep(seen.page, "viewer-words")
    seen.page.mouse.move(1, 1)
    seen.comes(bubble.is_hidden)
    seen.page.get_by_role("button", name="a wave").focus()
    seen.comes(lambda: bubble.is_visible() and bubble.text_content() == "a wave")


def test_what_a_window_was_asked_appears_by_a_tap(opened, address, work):
    seen = Seen(opened(390, 844, has_touch=True, is_mobile=True), address)
    seen.show(image=layer(work, "stage-1"), words=why.read(work, 6))
    seen.colour(0.3, 0.45, RED)
    seen.page.touchscreen.tap(110, 270)
    seen.comes(lambda: seen.page.locator(".muralist-bubble").is_visible())
    assert seen.page.locator(".muralist-bubble").text_content() == "a wave"


# --- sizes and colours ---------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(1280, 800), (390, 844)], ids=["desk", "phone"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_fits_and_can_be_read_on_desks_and_phones_light_and_dark(
    opened, address, work, keep, size, theme
):
    seen = Seen(opened(*size), address)
    if theme == "dark":
        seen.page.evaluate("document.body.classList.add('dark')")
    views = drawn(work.request, 6, 1)
    seen.show(
        image=layer(work, "stage-1"),
        beside=layer(work, "picture"),
        labels=("base, 600 x 400", "final, 3000 x 2000"),
        views=views,
    )
    seen.comes(seen.page.get_by_role("slider").is_visible)
    seen.colour(0.7, 0.45, GREEN)
    frame = seen.frame.bounding_box()
    assert frame["x"] >= 0 and frame["x"] + frame["width"] <= size[0]
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= size[0]
    parts = [".muralist-label >> nth=0", ".muralist-label >> nth=1", ".muralist-tools"]
    boxes = [seen.page.locator(part).bounding_box() for part in [*parts, ".muralist-note"]]
    assert not any(overlap(a, b) for at, a in enumerate(boxes) for b in boxes[at + 1 :])
    for button in seen.page.get_by_role("button").all():
        box = button.bounding_box()
        assert min(box["width"], box["height"]) >= 40
    ground = seen.pixels[len(seen.pixels) // 8, 5]
    assert (ground.mean() < 60) == (theme == "dark")
    keep(seen.page, f"viewer-{theme}-{size[0]}")


def overlap(one: dict[str, float], other: dict[str, float]) -> bool:
    return all(
        one[at] < other[at] + other[length] and other[at] < one[at] + one[length]
        for at, length in (("x", "width"), ("y", "height"))
    )


def picture_box(pixels: np.ndarray) -> tuple[float, float, float, float]:
    """Where the red picture is in the viewer's pixels: left, top, width, height."""
    rows, columns = np.nonzero(np.abs(pixels - np.asarray(RED)).max(-1) <= 12)
    top, left = rows.min(), columns.min()
    return left, top, columns.max() + 1 - left, rows.max() + 1 - top
