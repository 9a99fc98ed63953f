"""The studio's page in a real browser: from a prompt to a file, and what can happen on the way."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

pytest.importorskip("gradio")
sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

from PIL import Image  # noqa: E402

from muralist import AccDiffusion  # noqa: E402
from tests.studio.servers import serve  # noqa: E402
from tests.studio.studios import until  # noqa: E402

PROMPT = "a red circle on a blue background"
SECONDS = 40_000  # milliseconds, the longest that anything here takes

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory, browser):
    """In a thread: playwright has a loop of events in this one."""
    serving = serve(tmp_path_factory.mktemp("studio"))
    with ThreadPoolExecutor(1) as thread:
        yield thread.submit(serving.__enter__).result()
        thread.submit(serving.__exit__, None, None, None).result()


def expect(what):
    return sync_api.expect(what)


def at(page, server, query=""):
    page.set_default_timeout(SECONDS)
    page.goto(f"{server.url}/{query}")
    expect(page.get_by_label("Prompt", exact=True).first).to_be_visible(timeout=SECONDS)
    return page


def left(page):
    """Forgets what gradio says on the console when a page is left while it listens."""
    page.wrong[:] = [said for said in page.wrong if not re.search("abort|Connection errored", said)]


def unfold(page, name):
    page.get_by_role("button", name=re.compile(f"^{name}")).first.click()


def asked(page, side, steps, prompt=PROMPT):
    """Fills in the form, until the page says what that costs."""
    page.get_by_label("Prompt", exact=True).first.fill(prompt)
    unfold(page, "Ratio and exact size")
    page.get_by_label("Width", exact=True).first.fill(str(side))
    expect(page.get_by_label("Height", exact=True).first).to_have_value(str(side))
    unfold(page, "Ratio and exact size")
    unfold(page, "Seed, steps and guidance")
    page.get_by_label(re.compile(r"^\s*Steps\b")).first.fill(str(steps))
    unfold(page, "Seed, steps and guidance")
    expect(page.locator(".verdict:visible").first).to_contain_text(
        f"{side}x{side}", timeout=SECONDS
    )
    expect(page.get_by_role("button", name="Paint it all")).to_be_enabled()


def said(page, words):
    expect(page.locator("#state")).to_contain_text(re.compile(words), timeout=SECONDS)


def choose(page, label, option):
    page.get_by_role("combobox", name=label).click()
    page.get_by_role("option", name=option).first.click()


def test_from_a_prompt_to_a_file(page, server, keep, tmp_path):
    at(page, server)
    keep(page, "page-empty")
    asked(page, 256, 4)
    expect(page.get_by_text(re.compile("of disk"))).to_be_visible(timeout=SECONDS)
    page.get_by_role("button", name="Paint the base picture").click()
    said(page, "This is the base picture")
    keep(page, "page-base")
    page.get_by_role("button", name="Go on").click()
    said(page, "Done: 256x256 pixels")
    expect(page.get_by_role("combobox", name="Show")).to_have_value("Picture")
    choose(page, "Wipe to", "Base")
    expect(page.locator(".muralist-frame")).to_contain_text("Base 128x128")
    keep(page, "page-wipe")
    choose(page, "Wipe to", "Nothing")
    unfold(page, "Views")
    page.get_by_label("Draw the views of a step").check()
    page.get_by_label("number input for Stage").fill("2")
    page.wait_for_timeout(1500)
    keep(page, "page-views")
    page.get_by_label("Draw the views of a step").uncheck()
    unfold(page, "Views")
    unfold(page, "Settings")
    expect(page.locator("#tools")).to_contain_text(f"muralist paint '{PROMPT}'")
    keep(page, "page-settings")
    unfold(page, "Settings")
    unfold(page, "Download")
    with page.expect_download() as downloading:
        page.get_by_role("link", name="PNG").click()
    file = tmp_path / "picture.png"
    downloading.value.save_as(file)
    with Image.open(file) as image:
        assert image.size == (256, 256) and image.format == "PNG"


def test_what_is_stopped_goes_on_and_is_there_after_a_reload(page, opened, server, keep):
    at(page, server)
    asked(page, 256, 40)
    page.get_by_role("button", name="Paint it all").click()
    said(page, r"Stage \d of 2, step \d+")
    keep(page, "page-painting")
    page.get_by_role("button", name="Stop", exact=True).click()
    said(page, "Stopped")
    page.reload()
    said(page, "Stopped")
    left(page)
    address = page.url
    again = opened()  # another browser
    again.goto(address)
    said(again, "Stopped")
    again.get_by_role("button", name="Go on").click()
    said(page, r"Stage \d of 2, step \d+")
    page.get_by_role("button", name="Stop", exact=True).click()
    said(page, "Stopped")


def test_what_cannot_be_is_said_in_red_and_not_begun(page, server, keep):
    at(page, server)
    asked(page, 256, 4)
    before = len(server.studio.gallery.works())
    unfold(page, "Seed, steps and guidance")
    page.get_by_label(re.compile(r"^\s*Steps\b")).first.fill("0")
    expect(page.locator(".refusal").first).to_contain_text(
        "Steps is 0; a whole number of at least 1"
    )
    expect(page.get_by_role("button", name="Paint it all")).to_be_disabled()
    keep(page, "page-refused")
    page.get_by_label(re.compile(r"^\s*Steps\b")).first.fill("")
    expect(page.get_by_role("button", name="Paint it all")).to_be_enabled()
    unfold(page, "Ratio and exact size")
    choose(page, "Ratio", "free")
    page.get_by_label("Width", exact=True).first.fill("250")
    expect(page.locator(".refusal").first).to_contain_text("positive multiples of")
    assert len(server.studio.gallery.works()) == before


def test_a_photo_is_dropped_and_made_larger(page, server, keep, tmp_path):
    file, text = tmp_path / "ring <b>.png", tmp_path / "words.png"
    Image.new("RGB", (64, 48), "teal").save(file)
    text.write_text("no picture")
    at(page, server)
    page.get_by_role("tab", name="Upscale").click()
    drop = page.get_by_label("Picture", exact=True)
    drop.set_input_files(text)
    expect(page.locator(".refusal").first).to_contain_text("words.png is no image in a format")
    drop.set_input_files(file)
    expect(page.locator(".drop")).to_contain_text("ring <b>.png")
    choose(page, "Scale", "3x")
    expect(page.locator(".verdict:visible").first).to_contain_text("192x144", timeout=SECONDS)
    keep(page, "page-upscale")
    page.get_by_role("tab", name="Upscale").click()
    page.get_by_role("button", name="Upscale", exact=True).last.click()
    said(page, r"Stage|Done|Loading|queue")
    works = server.studio.gallery.works()
    assert works[0].record.image_name == "ring <b>.png" and works[0].size == (192, 144)
    server.studio.remove(works[0])  # others wait


def test_the_gallery_opens_and_deletes(page, server, keep):
    with server.studio.gallery.lock:
        works = [
            server.studio.ask("ann", server.studio.request(model="toy", prompt=words, width=32))
            for words in ("a first wave", "a second wave")
        ]
    until(lambda: all(work.record.state == "done" for work in works))
    at(page, server)
    page.get_by_role("tab", name="Gallery").click()
    card = page.get_by_role("button", name=re.compile("^a first wave"))
    card.click()
    said(page, "Done: 32x32 pixels")
    expect(page).to_have_url(re.compile(f"work={works[0].id}$"))
    keep(page, "page-gallery")
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.get_by_role("button", name="Delete a second wave").click(force=True)
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Delete a first wave").click(force=True)
    expect(card).to_have_count(0)
    said(page, "No picture yet")
    assert works[1] in server.studio.gallery.works()
    assert works[0] not in server.studio.gallery.works()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_one_is_below_the_other(opened, server, keep, scheme):
    request = server.studio.request(model="toy", prompt="a wave", width=32)
    work = server.studio.ask("ann", request)
    until(lambda: work.record.state == "done")
    page = opened(390, 844, color_scheme=scheme, has_touch=True, is_mobile=True)
    at(page, server, f"?work={work.id}")
    said(page, "Done: 32x32 pixels")
    prompt = page.get_by_label("Prompt", exact=True).first.bounding_box()
    button = page.get_by_role("button", name="Paint it all").bounding_box()
    picture = page.locator("#stage").bounding_box()
    assert prompt["y"] < button["y"] < picture["y"]
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 390, "nothing is to be scrolled sideways"
    for name in ("Show", "Wipe to"):
        box = page.get_by_role("combobox", name=name).bounding_box()
        assert box["x"] + box["width"] <= 390
    keep(page, f"phone-{scheme}")


def test_light_and_dark_are_kept(opened, server, keep):
    page = at(opened(color_scheme="light"), server)
    dark = "document.body.classList.contains('dark')"
    assert not page.evaluate(dark)
    page.get_by_role("button", name="Light or dark").click()
    assert page.evaluate(dark)
    keep(page, "page-dark")
    at(page, server)
    assert page.evaluate(dark)
    left(page)


def test_a_list_that_is_tabbed_away_from_covers_nothing(opened, server):
    page = at(opened(), server)
    page.emulate_media(reduced_motion="no-preference")
    size = page.get_by_role("combobox", name="Size").first
    page.get_by_role("combobox", name="Model").first.focus()
    expect(page.get_by_role("option", name="shapes")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("option", name="8x")).to_be_visible()
    expect(page.get_by_role("option", name="shapes")).to_be_hidden()
    page.keyboard.press("Tab")
    expect(page.get_by_role("option", name="4x")).to_be_hidden()
    choose(page, "Size", "2x")
    expect(size).to_have_value("2x · 256")


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (900, 700)])
def test_all_tools_are_in_sight_in_small_windows(opened, server, width, height):
    asked = {"width": 192, "height": 128, "num_inference_steps": 2, "method": AccDiffusion()}
    request = server.studio.request(prompt="a red circle", **asked)  # with maps of words
    work = server.studio.ask("ann", request)
    until(lambda: work.record.state == "done")
    page = at(opened(width, height), server, f"?work={work.id}")
    said(page, "Done")
    expect(page.get_by_role("combobox", name="Words")).to_be_visible()
    for name in ("Views", "Download", "Settings", "Delete"):
        box = page.locator("#tools").get_by_role("button", name=name).bounding_box()
        assert box["x"] + box["width"] <= width and box["y"] + box["height"] <= height, name


def test_all_can_be_reached_and_begun_by_keyboard(page, server):
    at(page, server)
    page.get_by_label("Prompt", exact=True).first.focus()
    page.keyboard.type("a wave")
    expect(page.get_by_role("button", name="Paint it all")).to_be_enabled()
    seen = []
    for _ in range(8):
        page.keyboard.press("Tab")
        seen.append(
            page.evaluate("document.activeElement.ariaLabel || document.activeElement.innerText")
        )
    names = ["Model", "Size", "Paint the base picture", "Paint it all", "Negative prompt"]
    assert [re.sub(r"[^a-z ]", "", words, flags=re.I).strip() for words in seen][:5] == names
    shown = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert shown != "none", "one sees where one is"
