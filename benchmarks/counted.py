"""What `muralist bench` found, put into the docs.

    python -m benchmarks.counted out/bench

keeps the results beside this file, and their tables and plots in `docs/benchmark.md`.
"""

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import cyclopts

from benchmarks.cost import into_page
from muralist.bench import plots, tables
from muralist.bench.markdown import markdown
from muralist.bench.page import Block, Heading, Page, Paragraph
from muralist.bench.results import Results, read, write

__all__ = ["PAGE", "RESULTS", "main", "text"]

PLOTS = ("corner", "excess", "spectrum")  # that the page shows

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "bench.json"
PAGE = HERE.parent / "docs" / "benchmark.md"


def main(folder: Path) -> None:
    """From the folder that `muralist bench` has written."""
    found = read(folder / "results.json")
    write(replace(found, shown=()), RESULTS)
    with tempfile.TemporaryDirectory() as elsewhere:
        drawn = plots.draw(found, Path(elsewhere))
        for name in PLOTS:
            shutil.copy(drawn[name], PAGE.parent / f"benchmark-{name}.png")
    into_page(PAGE, "bench", text(found))


def text(found: Results) -> str:
    """The tables, as Markdown."""
    facts = ", ".join(f"{name}: {value}" for name, value in found.facts.items())
    blocks: list[Block | None] = [Paragraph(f"{facts}.")]
    for size in found.sizes:
        blocks += [Heading(f"Repetition, {size}", 3), tables.repetition(found, size)]
    blocks += [
        Heading("Without crop conditioning", 3),
        tables.conditioning(found),
        Heading("Seams", 3),
        tables.seams(found),
        tables.fields(found),
        Heading("Distance from the truth", 3),
        tables.truth(found),
        Heading("Cost", 3),
        tables.cost(found),
    ]
    page = Page("", [block for block in blocks if block is not None])
    return markdown(page).partition("\n")[2].strip()


if __name__ == "__main__":
    cyclopts.run(main)
