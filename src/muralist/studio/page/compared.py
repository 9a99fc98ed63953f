"""A comparison as HTML: its pictures as they come, and what is counted of them."""

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from html import escape

from muralist.bench.cases import is_caption
from muralist.bench.catalogue import MEASURES, Measure
from muralist.studio.counts import LARGEST, countable
from muralist.studio.page.words import duration, meter, shortened
from muralist.studio.scene import version
from muralist.studio.sheets import Sheet
from muralist.studio.studio import Studio
from muralist.studio.work import Work

__all__ = ["cells", "earlier", "links", "table"]

# What is told of pictures, in this order; detail stands beside every count.
_COLUMNS = (
    "repetition.excess",
    "repetition.missing",
    "repetition.wrong_colours",
    "repetition.wrong_shapes",
    "repetition.fragments",
    "repetition.index",
    "repetition.right",
    "truth.detail",
    "repetition.sharpness",
    "cost.evaluations",
    "cost.seconds",
)


def earlier(known: Sequence[Sheet], shown: str) -> str:
    """All comparisons, the newest first, of which one is shown; each a button that is for it."""
    every = (
        f'<li><button type="button" data-sheet="{one.id}" aria-current="{_said(one.id == shown)}">'
        f"{escape(_title(one))}</button></li>"
        for one in known
    )
    listed = f'<div class="earlier"><h2>Comparisons</h2><ul>{"".join(every)}</ul></div>'
    return listed if known else ""


def cells(studio: Studio, sheet: Sheet, picked: Sequence[str] = ()) -> str:
    """Pictures with their labels and how they stand. Each leads to the viewer; those that are done
    can be picked, to be wiped between.
    """
    every = (_cell(studio, work, label, work.id in picked) for work, label in _named(sheet))
    return f'<ul class="cells">{"".join(every)}</ul>'


def links(sheet: Sheet, picked: Sequence[str] = ()) -> str:
    """Where to go on from here: the contact sheet, once it can be had, and the wipe."""
    done = {work.id: label for work, label in _named(sheet) if work.record.state == "done"}
    found = []
    if sheet.settled and done:
        found.append(f'<a href="/sheets/{sheet.id}.png" download>Contact sheet (PNG)</a>')
    match [id for id in picked if id in done]:
        case [one, other]:
            words = f"Wipe between {done[one]} and {done[other]}"
            address = f"?work={one}&amp;beside={other}/picture"
            found.append(f'<a href="{address}">{escape(words)}</a>')
        case [one]:
            found.append(
                f"<span>Pick another one to wipe between it and {escape(done[one])}</span>"
            )
    return f'<p class="links">{"".join(found)}</p>'


def table(sheet: Sheet) -> str:
    """What is known of those that are done, the best of each column in bold, and what it means."""
    found = [sheet.measures(work) for work in sheet.works]
    measures = [MEASURES[name] for name in _COLUMNS if any(name in one for one in found)]
    if not measures:
        return ""
    columns = [_column(measure, found) for measure in measures]
    heads = "".join(f'<th scope="col">{escape(one.heading)}</th>' for one in measures)
    rows = (
        f'<tr><th scope="row">{escape(label)}</th>{"".join(row)}</tr>'
        for label, *row in zip(sheet.labels, *columns, strict=True)
    )
    meanings = (
        f"<dt>{escape(one.heading)}</dt><dd>{escape(f'{one.meaning} {one.aim}')}</dd>"
        for one in measures
    )
    notes = (f"<p>{escape(note)}</p>" for note in _notes(sheet))
    return (
        f'<div class="contest" tabindex="0"><table><thead><tr><td></td>{heads}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>{''.join(notes)}"
        f"<details><summary>What the columns mean</summary><dl>{''.join(meanings)}</dl></details>"
        "</div>"
    )


def _title(sheet: Sheet) -> str:
    """A comparison in a line: the beginning of its prompt, and what it is of."""
    words = sheet.works[0].record.settings.get("prompt") or "no prompt"
    return f"{shortened(words)} · {', '.join(sheet.labels)}"


def _named(sheet: Sheet) -> Iterator[tuple[Work, str]]:
    return zip(sheet.works, sheet.labels, strict=True)


def _said(truth: bool) -> str:
    return str(truth).lower()


def _cell(studio: Studio, work: Work, label: str, picked: bool) -> str:
    status, name, seen = studio.status(work), escape(label), _seen(work)
    words, bar, pick = status.words, "", ""
    if status.progress is not None:
        share, left = status.progress.share, status.progress.seconds_left
        bar = meter(share, f"{label}, painted")
        words += "" if left is None else f", {duration(left)} left"
    if status.state == "done":
        words = duration(work.record.seconds)
        pick = (
            f'<button type="button" data-work="{work.id}" aria-pressed="{_said(picked)}"'
            f' aria-label="Wipe {name}">Wipe</button>'
        )
    picture = (
        '<span class="seen"></span>'
        if seen is None
        else f'<img class="seen" src="{escape(seen)}" alt="{name}">'
    )
    return (
        f'<li class="{status.state}"><a href="?work={work.id}" aria-label="Look at {name}">'
        f'{picture}</a>{pick}<span class="label">{name}</span>'
        f'<span class="state">{escape(words)}</span>{bar}</li>'
    )


def _seen(work: Work) -> str | None:
    """The address of a picture as it is painted, or as it was when it ended."""
    if work.record.state != "done":
        with suppress(FileNotFoundError):  # it goes when the picture is there: so it is said here
            return f"data:image/jpeg;base64,{b64encode(work.preview.read_bytes()).decode()}"
    with suppress(FileNotFoundError):
        return f"/works/{work.id}/thumbnail.jpg?v={version(work.thumbnail)}"
    return None


def _column(measure: Measure, found: Sequence[Mapping[str, float]]) -> Iterator[str]:
    """The cells of a column, the best in bold."""
    values = [one.get(measure.name) for one in found]
    best = _best(measure.perfect, [value for value in values if value is not None])
    for value in values:
        words = "" if value is None else _written(measure, value)
        yield f"<td>{f'<strong>{words}</strong>' if value in best else words}</td>"


def _best(perfect: float | None, values: Sequence[float]) -> set[float]:
    """Those nearest to what would be perfect; none where all are as near, or nothing would be."""
    if perfect is None:
        return set()
    away = {value: abs(value - perfect) for value in values}
    best = {value for value in away if away[value] == min(away.values())}
    return best if len(best) < len(away) else set()


def _written(measure: Measure, value: float) -> str:
    """Counts of one picture are whole."""
    return f"{value:,}" if isinstance(value, int) else measure.written(value)


def _notes(sheet: Sheet) -> Iterator[str]:
    """What is not counted, and what is counted otherwise than people may think."""
    first, *_ = sheet.works
    if first.request.card.name != "shapes":
        yield "Objects are counted for the embedded model, shapes, alone."
        return
    if not all(map(countable, sheet.works)):
        yield f"Objects are counted in pictures of up to {LARGEST >> 20} megapixels."
    if not is_caption(first.request.prompt):
        yield (
            "The prompt says nothing that the embedded model's world has words for: objects are"
            " counted against the base picture, and colours and shapes are not judged."
        )
    for work, label in _named(sheet):
        lender = sheet.lender(work)
        if work.record.state == "done" and countable(work) and lender is not work:
            yield _borrowed(label, lender and sheet.labels[sheet.works.index(lender)])


def _borrowed(label: str, lender: str | None) -> str:
    if lender is None:
        return f"{label} makes no base picture: its objects are not counted."
    return f"{label} makes no base picture, and is counted against that of {lender}."
