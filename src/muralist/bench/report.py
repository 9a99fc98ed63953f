"""What a benchmark found, for people: two pages that say the same, and their pictures."""

from pathlib import Path

from PIL import Image

from muralist.bench import plots
from muralist.bench.contents import contents
from muralist.bench.html import html
from muralist.bench.markdown import markdown
from muralist.bench.results import Results, Shown
from muralist.photo import photo
from muralist.sinks import panel
from muralist.sinks.whole import move, unfinished

__all__ = ["report"]

_FILES = "report"  # the folder of plots and thumbnails, beside the pages
_SMALL = 360  # pixels of a thumbnail's longer side: about twice what a page gives it


def report(results: Results, folder: Path) -> Path:
    """Writes `report.md`, `report.html` and the folder `report` beside the results of `folder`.

    All of it or nothing; what was there before is replaced. Returns the path of the HTML page.
    Raises `BadRequest` where matplotlib is missing, or a picture that is to be shown.
    """
    plots.check_plots()
    with unfinished(folder / "report.html") as last:
        files, text = last.with_name(_FILES), last.with_suffix(".md")
        files.mkdir()
        shrunk = [_shrunk(folder, one, files) for one in results.shown]
        drawn = {name: _link(file) for name, file in plots.draw(results, files).items()}
        page = contents(results, drawn, shrunk)
        text.write_text(markdown(page), encoding="utf-8")
        last.write_text(html(page), encoding="utf-8")
        places = [folder / name for name in (_FILES, "report.md", "report.html")]
        move([files, text, last], places)
    return places[-1]


def _shrunk(folder: Path, shown: Shown, files: Path) -> str:
    """Makes a thumbnail of a picture; a link to it."""
    small = Image.fromarray(panel(photo(folder / shown.file).pixels, _SMALL))
    file = (files / shown.file.replace("/", "-")).with_suffix(".jpg")
    small.save(file, quality=85, subsampling=0)  # outlines keep their colours
    return _link(file)


def _link(file: Path) -> str:
    """As the pages refer to it."""
    return f"{_FILES}/{file.name}"
