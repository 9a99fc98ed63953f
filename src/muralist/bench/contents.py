"""What a report says, and in which order."""

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from muralist.bench import tables
from muralist.bench.catalogue import MEASURES, measured
from muralist.bench.page import (
    Block,
    Body,
    Cell,
    Code,
    Column,
    Figure,
    Heading,
    Link,
    Page,
    Paragraph,
    Table,
    Terms,
    Thumbnail,
)
from muralist.bench.plots import PLOTS
from muralist.bench.results import Kind, Results, Shown

__all__ = ["contents"]

_COMMAND = "command"  # the fact that is a part of its own

_CONTROLS = {
    "truth": "What the prompt says, drawn at full size without a model: so it looks when everything"
    " is right.",
    "enlarged": "The base picture enlarged by Lanczos: nothing is repeated, and nothing is added."
    " Its counts are perfect; measures of detail have to expose it.",
    "copied": "The base picture side by side with itself: all of it is sharp, and all of it is"
    " repeated.",
}

_DETAIL = (
    "A count is always shown beside detail, since whoever only blurs repeats nothing: no excess and"
    " a detail of 1 are what to look for, both at once."
)
_NO_DETAIL = (
    "These pictures have no known truth, and so no measure of detail: whoever only blurs repeats"
    " nothing. Look at the pictures, too."
)


def contents(results: Results, drawn: Mapping[str, str], shrunk: Sequence[str]) -> Page:
    """The page of a benchmark's results.

    `drawn` are links to plots, by their names; `shrunk` links to thumbnails of what is shown.
    """
    figures = {
        plot.name: Figure(drawn[plot.name], plot.alt, plot.caption)
        for plot in PLOTS
        if plot.name in drawn
    }
    parts = [
        _painted(results),
        _reading(results),
        _repetition(results, figures),
        _conditioning(results),
        _pictures(results, shrunk),
        _truth(results, figures),
        _seams(results),
        _cost(results, figures),
        _measures(results),
        _again(results),
    ]
    return Page("Repetition, seams, truth and cost", [block for part in parts for block in part])


def _part(title: str, words: str, *blocks: Block | None) -> list[Block]:
    """A part of the page; nothing where there is nothing to show."""
    there = [block for block in blocks if block is not None]
    return [Heading(title), Paragraph(words), *there] if there else []


def _painted(results: Results) -> list[Block]:
    names = {kind: _of_kind(results, kind) for kind in ("method", "ablation", "control")}
    counts = {
        len(results.of(name, size))
        for name in names["method"]
        for size in results.sizes
        if results.of(name, size)
    }
    prompts = len({row.prompt for row in results.rows})
    words = (
        f"{_count(len(names['method']), 'method')} at {_count(len(results.sizes), 'size')}"
        f" ({', '.join(results.sizes)} pixels), {_range(counts)} of each at each size, of"
        f" {_count(prompts, 'prompt')}. Everybody painted the same prompts from the same seeds."
    )
    others = {name: fact for name, fact in results.facts.items() if name != _COMMAND}
    facts = [[Cell(name), Cell(str(fact))] for name, fact in others.items()]
    columns = [Column("", "left"), Column("", "left")]
    return _part("What was painted", words, Table(columns, [Body(facts)]))


def _reading(results: Results) -> list[Block]:
    known = [(name, _CONTROLS[name]) for name in _of_kind(results, "control") if name in _CONTROLS]
    told = "truth.detail" in measured(results)
    said = (
        "A large picture is compared with the base picture of its own run, so that no method"
        f" answers for what the model gets wrong by itself. {_DETAIL if told else _NO_DETAIL}",
        "Numbers in parentheses are 95 % intervals of a mean, by drawing prompts again (a"
        " bootstrap). Bold are the best of the methods at a size, and those whose interval"
        " overlaps its own; nothing is bold where that is all of them.",
        "Null controls are pictures that nobody painted, of which every measure is known"
        " beforehand. They are what to read the others against, and compete with nobody.",
    )
    return [Heading("How to read it"), *map(Paragraph, said), *([Terms(known)] if known else [])]


def _repetition(results: Results, figures: Mapping[str, Figure]) -> list[Block]:
    counted = {size: tables.repetition(results, size) for size in results.sizes}
    blocks = [
        block
        for size, table in counted.items()
        if table is not None
        for block in (Heading(f"{size} pixels", 3), table)
    ]
    words = "Objects in the large picture that the base picture does not have, and detail."
    return _part("Repetition", words, figures.get("corner"), figures.get("excess"), *blocks)


def _conditioning(results: Results) -> list[Block]:
    words = (
        "All methods tell the model where in the picture a window lies. Here are some that do not:"
        " compare methods only with the same conditioning."
    )
    return _part("Crop conditioning", words, tables.conditioning(results))


def _pictures(results: Results, shrunk: Sequence[str]) -> list[Block]:
    """A grid for each size: prompts down, entrants across."""
    files = dict(zip(results.shown, shrunk, strict=True))
    grids = [
        block
        for size in results.sizes
        if any(one.size == size for one in files)
        for block in (
            Heading(f"{size} pixels", 3),
            _grid(results, size, {one: file for one, file in files.items() if one.size == size}),
        )
    ]
    words = (
        "Outlined, where they were counted so: in white the base picture's objects, in magenta"
        " extra ones, in green fragments. Each leads to a larger picture, and a last line to the"
        " folders of those that are not shown."
    )
    return _part("Pictures", words, *grids)


def _grid(results: Results, size: str, files: Mapping[Shown, str]) -> Table:
    at = {(one.prompt, one.seed, one.entrant): one for one in files}
    cases = list(dict.fromkeys((one.prompt, one.seed) for one in files))
    names = [name for name in results.entrants if any(one.entrant == name for one in files)]
    lines = [
        [
            Cell(f"{prompt}, seed {seed}"),
            *(_thumbnail(at.get((prompt, seed, name)), files) for name in names),
        ]
        for prompt, seed in cases
    ]
    columns = [Column("prompt", "left"), *(Column(name, "left") for name in names)]
    whole = [_whole(name, len(results.of(name, size)), files) for name in names]
    more = any(len(results.of(name, size)) > len(cases) for name in names)
    return Table(columns, [Body([*lines, [Cell("every prompt"), *whole]] if more else lines)])


def _whole(entrant: str, count: int, files: Mapping[Shown, str]) -> Link:
    """To the folder in which all pictures of an entrant lie."""
    one = next(one for one in files if one.entrant == entrant)
    return Link(_count(count, "picture"), str(PurePosixPath(one.file).parent))


def _thumbnail(shown: Shown | None, files: Mapping[Shown, str]) -> Thumbnail | Cell:
    if shown is None:
        return Cell("")
    alt = f"{shown.prompt}, by {shown.entrant}, {shown.size} pixels"
    return Thumbnail(files[shown], shown.file, alt)


def _truth(results: Results, figures: Mapping[str, Figure]) -> list[Block]:
    words = (
        "Any prompt of this world can be drawn at any size, so pictures have a truth. Distances of"
        " whole, reduced pictures mislead alone: an enlargement is near in them, and far in those"
        " of patches."
    )
    blocks = (tables.truth(results), figures.get("distances"), figures.get("spectrum"))
    return _part("Truth", words, *blocks)


def _seams(results: Results) -> list[Block]:
    words = (
        "How much more a picture changes across the borders of views and of decoded tiles than"
        " elsewhere, where 1 is seamless."
    )
    field = tables.fields(results)
    exact = Paragraph("A random field, of which the right answer is known exactly, by method:")
    blocks = (tables.seams(results), *((exact, field) if field else ()))
    return _part("Seams", words, *blocks)


def _cost(results: Results, figures: Mapping[str, Figure]) -> list[Block]:
    words = (
        "Means of a picture. Seconds are those of the machine above; evaluations are the same on"
        " every machine."
    )
    return _part("Cost", words, tables.cost(results), figures.get("cost"))


def _measures(results: Results) -> list[Block]:
    there = measured(results)
    meanings = [
        (one.heading, f"{one.meaning} {one.aim}".strip())
        for name, one in MEASURES.items()
        if name in there
    ]
    return _part("Measures", "What the columns say.", Terms(meanings) if meanings else None)


def _again(results: Results) -> list[Block]:
    words = "The same command goes on where it was stopped, and paints the same pictures."
    command = results.facts.get(_COMMAND)
    return _part("How to reproduce it", words, Code(command) if command else None)


def _of_kind(results: Results, kind: Kind) -> list[str]:
    return [name for name, one in results.entrants.items() if one == kind]


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _range(counts: set[int]) -> str:
    """How many pictures, where not everybody has the same."""
    if not counts:
        return "no picture"
    low, high = min(counts), max(counts)
    return _count(high, "picture") if low == high else f"{low} to {high} pictures"
