"""A report appears whole, with everything it refers to, or not at all."""

import re
import sys
from pathlib import Path

import pytest
from PIL import Image

from muralist.bench.report import report
from muralist.bench.results import Results
from muralist.errors import BadRequest
from tests.bench.made_up import results
from tests.bench.test_pages import Reader

SOME = results(prompts=2, seeds=2, sizes=("256x256", "512x256"))


def pictures_of(found: Results, folder: Path) -> None:
    """The pictures that are shown, as a run leaves them."""
    for number, one in enumerate(found.shown):
        file = folder / one.file
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (512, 256), (10 * number, 90, 160)).save(file)


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    """A folder with a report."""
    folder = tmp_path_factory.mktemp("bench")
    pictures_of(SOME, folder)
    assert report(SOME, folder) == folder / "report.html"
    return folder


def test_all_of_it_is_there_and_nothing_else(written):
    assert {file.name for file in written.iterdir()} == {
        "pictures",
        "report",
        "report.html",
        "report.md",
    }


def test_both_pages_refer_to_files_that_are_there(written):
    page = Reader((written / "report.html").read_text())
    inside = [image["src"] for image in page.images] + page.links
    beside = re.findall(r"\]\(([^)]+)\)", (written / "report.md").read_text())
    assert set(inside) == set(beside)
    assert len(page.images) == 5 + len(SOME.shown)
    for file in inside:
        assert (written / file).exists()


def test_thumbnails_are_small_and_in_the_pictures_ratio(written):
    small = list((written / "report").glob("pictures-*.jpg"))
    assert len(small) == len(SOME.shown)
    for file in small:
        with Image.open(file) as image:
            assert image.size == (360, 180)


def test_the_pages_need_nothing_from_elsewhere(written):
    """A report can be read where there is no network, and tells nobody that it is."""
    for name in ("report.html", "report.md"):
        assert not re.search(r"https?:|//|<script", (written / name).read_text())


def test_a_new_report_replaces_the_old_one(tmp_path):
    few = results(prompts=1, seeds=1, sizes=("256x256",))
    pictures_of(few, tmp_path)
    (tmp_path / "report").mkdir()
    for name in ("report/old.png", "report.md", "report.html"):
        (tmp_path / name).write_text("old")
    report(few, tmp_path)
    assert "1 prompt." in (tmp_path / "report.md").read_text()
    assert not (tmp_path / "report/old.png").exists()


@pytest.mark.parametrize("broken", ["missing", "no picture"])
def test_what_cannot_be_finished_leaves_the_old_report_as_it_was(tmp_path, broken):
    few = results(prompts=1, seeds=1, sizes=("256x256",))
    pictures_of(few, tmp_path)
    last = tmp_path / few.shown[-1].file
    last.unlink()
    if broken == "no picture":
        last.write_text("nothing that can be shown")
    (tmp_path / "report.html").write_text("old")
    with pytest.raises(BadRequest, match=last.name):
        report(few, tmp_path)
    assert (tmp_path / "report.html").read_text() == "old"
    assert {file.name for file in tmp_path.iterdir()} == {"pictures", "report.html"}


def test_without_matplotlib_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(BadRequest, match="matplotlib"):
        report(SOME, tmp_path)
    assert not list(tmp_path.iterdir())
