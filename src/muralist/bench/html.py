"""Pages as a single HTML file, for light and dark screens, wide and narrow."""

from collections.abc import Iterator
from html import escape

from muralist.bench.page import (
    Block,
    Body,
    Cell,
    Code,
    Column,
    Figure,
    Heading,
    Item,
    Link,
    Page,
    Paragraph,
    Table,
    Terms,
    Thumbnail,
)

__all__ = ["html"]

_STYLE = """
:root { color-scheme: light dark; --ink: #1d1f21; --soft: #5c6268; --paper: #fff; --line: #d9dce0;
  --quiet: #f4f5f6; --best: #00563f; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e6e8; --soft: #a0a6ad; --paper: #15171a;
  --line: #353a40; --quiet: #1e2125; --best: #6fdcb4; } }
body { margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 72rem; color: var(--ink);
  background: var(--paper); font: 1rem/1.55 system-ui, sans-serif; }
h1, h2, h3 { line-height: 1.25; } h2 { margin-top: 3rem; } h3 { margin: 2rem 0 0; }
p, dd { max-width: 44rem; }
.scroll { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .4rem; text-align: left; white-space: nowrap; }
th { font-weight: 600; } tbody th { font-weight: 400; } .right { text-align: right; }
thead th { border-bottom: 2px solid var(--line); white-space: normal; vertical-align: bottom; }
thead th[title] { cursor: help; }
tbody { border-bottom: 1px solid var(--line); }
.label th { color: var(--soft); font-size: .85rem; padding-top: .7rem; }
.quiet :is(th, td) { background: var(--quiet); color: var(--soft); }
td strong { color: var(--best); }
.numbers tbody th[scope=row] { position: sticky; left: 0; background: var(--paper) padding-box; }
.numbers .quiet th[scope=row] { background: var(--quiet) padding-box; }
.words :is(th, td) { white-space: normal; vertical-align: top; }
.pictures { table-layout: fixed; width: 100%; min-width: calc(7.5rem + var(--n) * 6.8rem);
  max-width: calc(7.5rem + var(--n) * 10.8rem); }
.pictures th:first-child { width: 7rem; } .pictures :is(th, td) { padding-inline: .25rem; }
.pictures thead th { font-size: .8rem; overflow-wrap: anywhere; }
.words td { overflow-wrap: anywhere; }
td img { display: block; width: 100%; border-radius: 2px; }
figure { margin: 1.5rem 0; } figure .scroll { margin: .5rem 0; }
figure img { display: block; width: auto; max-width: max(100%, 40rem); border-radius: 4px; }
figcaption { color: var(--soft); font-size: .92rem; max-width: 44rem; }
pre { overflow-x: auto; padding: .8rem 1rem; background: var(--quiet); border-radius: 4px; }
dt { font-weight: 600; margin-top: .7rem; } dd { margin: 0; }
"""


def html(page: Page) -> str:
    """The text of a file."""
    title, body = escape(page.title), "\n".join(map(_block, page.blocks))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n<h1>{title}</h1>\n{body}\n</body>\n</html>\n"
    )


def _block(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"<h{level}>{escape(text)}</h{level}>"
        case Paragraph(text):
            return f"<p>{escape(text)}</p>"
        case Code(text):
            return f"<pre><code>{escape(text)}</code></pre>"
        case Terms(meanings):
            terms = (f"<dt>{escape(word)}</dt><dd>{escape(said)}</dd>" for word, said in meanings)
            return "\n".join(["<dl>", *terms, "</dl>"])
        case Figure(file, alt, caption):
            said = f"<figcaption>{escape(caption)}</figcaption>"
            return f'<figure><div class="scroll">{_image(file, alt)}</div>{said}</figure>'
        case Table():
            return "\n".join(_table(block))


def _table(table: Table) -> Iterator[str]:
    others = len(table.columns) - 1  # beside the first
    yield f'<div class="scroll" tabindex="0"><table class="{_kind(table)}" style="--n: {others}">'
    yield f"<thead><tr>{''.join(map(_heading, table.columns))}</tr></thead>"
    for body in table.bodies:
        yield from _body(body, table)
    yield "</table></div>"


def _kind(table: Table) -> str:
    """As the style sheet has it."""
    if all(column.align == "left" for column in table.columns):
        cells = (cell for body in table.bodies for line in body.lines for cell in line)
        return "words pictures" if any(isinstance(cell, Thumbnail) for cell in cells) else "words"
    return "numbers"


def _heading(column: Column) -> str:
    title = f' title="{escape(column.meaning)}"' if column.meaning else ""
    return f'<th scope="col" class="{column.align}"{title}>{escape(column.heading)}</th>'


def _body(body: Body, table: Table) -> Iterator[str]:
    yield '<tbody class="quiet">' if body.quiet else "<tbody>"
    if body.label:
        span = f'scope="rowgroup" colspan="{len(table.columns)}"'
        yield f'<tr class="label"><th {span}>{escape(body.label)}</th></tr>'
    for first, *others in body.lines:
        cells = (
            f'<td class="{column.align}">{_cell(cell)}</td>'
            for cell, column in zip(others, table.columns[1:], strict=True)
        )
        yield f'<tr><th scope="row">{_cell(first)}</th>{"".join(cells)}</tr>'
    yield "</tbody>"


def _cell(cell: Item) -> str:
    match cell:
        case Link(text, to):
            return f'<a href="{escape(to)}">{escape(text)}</a>'
        case Thumbnail(file, large, alt):
            return f'<a href="{escape(large)}">{_image(file, alt)}</a>'
        case Cell(text, best):
            return f"<strong>{escape(text)}</strong>" if best and text else escape(text)


def _image(file: str, alt: str) -> str:
    return f'<img src="{escape(file)}" alt="{escape(alt)}" loading="lazy">'
