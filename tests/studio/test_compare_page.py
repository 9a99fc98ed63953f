"""The tab where methods are compared: its words as they are made, and all of it in a browser."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

pytest.importorskip("gradio")
sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

from PIL import Image  # noqa: E402

from muralist.request.typed import arguments, varied  # noqa: E402
from muralist.studio.page.compared import cells, links, table  # noqa: E402
from muralist.studio.sheets import Sheet, begin, sheet  # noqa: E402
from tests.studio.servers import serve  # noqa: E402
from tests.studio.studios import opened as studio_at  # noqa: E402
from tests.studio.studios import settled  # noqa: E402

PROMPT = "a red circle on a blue background"
SECONDS = 60_000  # milliseconds, the longest that anything here takes


@pytest.fixture
def compared(tmp_path):
    """Three pictures, that are there."""
    given = {"model": "toy", "prompt": "<i>a</i> sea", "size": "32x32", "num_inference_steps": 2}
    with studio_at(tmp_path) as studio:
        every = varied(given, "seed", ["1", "2", "3"])
        requests = {label: studio.request(**arguments({}, **one)) for label, one in every.items()}
        id = begin(studio, "me", requests)
        settled(*sheet(studio, id, "me").works)
        yield studio, sheet(studio, id, "me")


def bold(html: str) -> list[str]:
    return re.findall("<strong>(.*?)</strong>", html)


def given(monkeypatch, measures: list[dict[str, float]]) -> None:
    """Says that these were measured."""
    told = iter(measures)
    monkeypatch.setattr(Sheet, "measures", lambda self, work: next(told))


def test_the_best_of_each_column_is_bold_however_many_there_are(compared, monkeypatch):
    found = [{"repetition.excess": 0, "truth.detail": 0.8, "cost.seconds": 3.0}]
    found += [{"repetition.excess": 0, "truth.detail": 1.1, "cost.seconds": 2.0}]
    given(monkeypatch, [*found, {"repetition.excess": 4, "truth.detail": 1.3, "cost.seconds": 9.0}])
    assert sorted(bold(table(compared[1]))) == ["0", "0", "1.10", "2.0"]


def test_nobody_is_best_where_all_are_alike(compared, monkeypatch):
    given(monkeypatch, [{"repetition.excess": 2}] * 3)
    html = table(compared[1])
    assert bold(html) == [] and html.count("<td>2</td>") == 3


def test_every_column_says_what_it_means(compared):
    html = table(compared[1])
    heads = re.findall('<th scope="col">(.*?)</th>', html)
    assert heads == ["evaluations", "seconds"]
    assert re.findall("<dt>(.*?)</dt>", html) == heads
    assert "Objects are counted for the embedded model, shapes, alone." in html


def test_what_people_typed_is_no_html(compared):
    studio, sheet = compared
    sheet.works[0].record.label or pytest.fail("it has no label")
    sheet.works[0].become("done", label="<script>alert(1)</script>")
    assert "<script>" not in cells(studio, sheet) + links(sheet) + table(sheet)
    assert "&lt;script&gt;" in cells(studio, sheet)


def test_two_that_are_picked_can_be_wiped_between(compared):
    studio, sheet = compared
    one, _, other = (work.id for work in sheet.works)
    assert "beside" not in links(sheet) + links(sheet, [one])
    address = f"?work={one}&amp;beside={other}/picture"
    assert f'<a href="{address}">Wipe between seed 1 and seed 3</a>' in links(sheet, [one, other])
    assert cells(studio, sheet, [one, other]).count('aria-pressed="true"') == 2


@pytest.fixture
def server(tmp_path_factory, browser):
    """In a thread: playwright has a loop of events in this one."""
    serving = serve(tmp_path_factory.mktemp("studio"))
    with ThreadPoolExecutor(1) as thread:
        yield thread.submit(serving.__enter__).result()
        thread.submit(serving.__exit__, None, None, None).result()


@pytest.mark.slow
def test_methods_are_compared_from_a_prompt_to_the_wipe(server, opened, keep, tmp_path):
    page = opened(1600, 1000)
    page.set_default_timeout(SECONDS)
    expect = sync_api.expect
    page.goto(server.url)
    expect(page.get_by_label("Prompt", exact=True).first).to_be_visible(timeout=SECONDS)
    page.get_by_role("tab", name="Compare").click()
    tab = page.locator(".tabitem.wide").first
    tab.get_by_label("Prompt", exact=True).fill(PROMPT)
    tab.get_by_label("Size").click()
    page.get_by_role("option", name="256").click()
    tab.get_by_label("accdiffusion", exact=True).uncheck()
    tab.get_by_role("button", name="Seed, steps and guidance").click()
    tab.get_by_label("Steps").first.fill("4")
    expect(tab.locator(".costs").first).to_contain_text("3 pictures", timeout=SECONDS)
    expect(tab.locator(".costs").first).to_contain_text("of disk", timeout=SECONDS)
    tab.get_by_role("button", name="Paint all").click()
    expect(tab.locator(".cells li")).to_have_count(3, timeout=SECONDS)
    keep(page, "compare-painting")
    expect(tab.get_by_text("Contact sheet")).to_be_visible(timeout=SECONDS)
    rows = tab.locator(".contest tbody tr")
    assert [row.split()[0] for row in rows.all_inner_texts()] == [
        "demofusion",
        "multidiffusion",
        "pixelsmith",
    ]
    expect(tab.locator(".contest")).to_contain_text("counted against that of demofusion")
    keep(page, "compare-done")

    with page.expect_download() as downloading:
        tab.get_by_text("Contact sheet").click()
    downloading.value.save_as(tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as image:
        assert image.width > 3 * 256

    first = tab.get_by_role("button", name="Wipe demofusion")
    first.click()
    expect(first).to_have_attribute("aria-pressed", "true", timeout=SECONDS)
    tab.get_by_role("button", name="Wipe multidiffusion").click()
    tab.get_by_text("Wipe between demofusion and multidiffusion").click()
    expect(page.locator(".muralist-frame")).to_contain_text("multidiffusion 256x256")
    keep(page, "compare-wipe")
    page.wrong.clear()  # Gradio says there that its page was left while it listened
