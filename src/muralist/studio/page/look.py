"""What can be seen of a picture, of what was chosen: its scene, and the choices there are."""

from dataclasses import dataclass
from functools import lru_cache
from html import escape
from itertools import islice
from typing import Any
from weakref import ref

from muralist.errors import BadRequest
from muralist.studio import why
from muralist.studio.drawn import drawn
from muralist.studio.export import KINDS
from muralist.studio.gallery import NotThere
from muralist.studio.page.words import duration, meter, shortened
from muralist.studio.scene import Heat, Scene, Source, layer, still
from muralist.studio.studio import Status, Studio
from muralist.studio.work import Work

__all__ = [
    "LIVE",
    "Choice",
    "bar",
    "besides",
    "downloads",
    "layers",
    "newest",
    "reasons",
    "scene",
]

LIVE = "live"  # the layer that is painted now
_OTHERS = 30  # pictures of the gallery to wipe to

Choices = list[tuple[str, str]]  # what it is called, and what it is


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What somebody wants to see of a picture; empty words are nothing."""

    layer: str = ""
    beside: str = ""  # a layer, or `id/layer` of another picture
    views: bool = False
    stage: int = 1
    step: int = 1
    reason: str = ""  # `stage/number` of a map, or `stage/words`


def layers(work: Work, status: Status) -> Choices:
    """The pictures there are of a work, the newest first."""
    named = [(_layer_name(work, name), name) for name in reversed([*work.layers])]
    live = status.state == "painting" or not named
    return [("As it is painted", LIVE), *named] if live else named


def newest(choices: Choices) -> str:
    """What is shown before anything is chosen."""
    return choices[0][1]


def _layer_name(work: Work, name: str) -> str:
    if name == "picture":
        return "Picture"
    number = int(name.removeprefix("stage-"))
    size = work.sizes[number - 1]
    return (
        f"Base {size}"
        if number == 1 and work.record.image_name is None
        else f"Stage {number} {size}"
    )


def besides(studio: Studio, owner: str, work: Work) -> Choices:
    """What a picture can be wiped to: its own layers, and other pictures of the gallery."""
    own = [(_layer_name(work, name), name) for name in reversed([*work.layers])]
    others = ((other, [*other.layers]) for other in studio.works(owner) if other is not work)
    there = islice(((other, known[-1]) for other, known in others if known), _OTHERS)
    rest = [(_called(other), f"{other.id}/{name}") for other, name in there]
    return [("Nothing", ""), *own, *rest]


def _called(work: Work) -> str:
    """A picture in a line: what it is called where it is compared, or the beginning of its prompt,
    and its size.
    """
    words = work.record.settings.get("prompt") or work.record.image_name or "a picture"
    width, height = work.size
    return f"{work.record.label or shortened(words)} {width}x{height}"


def reasons(work: Work) -> Choices:
    """Maps of words and prompts of views, of all stages that have any."""
    found: Choices = [("None", "")]
    for stage in range(1, work.stages + 1):
        if (known := why.read(work, stage)) is None:
            continue
        found += [
            (f"{word} · stage {stage}", f"{stage}/{number}")
            for number, word in enumerate(known["maps"])
        ]
        if known["windows"]:
            found.append((f"prompts of views · stage {stage}", f"{stage}/words"))
    return found


def scene(studio: Studio, owner: str, work: Work, choice: Choice) -> Scene:
    """What the viewer shows of a work."""
    image = still(work) if choice.layer == LIVE else layer(work, choice.layer)
    beside, its_name = _beside(studio, owner, work, choice.beside)
    if image is None or beside is None:
        beside, its_name = None, ""
    own_name = "As it is painted" if choice.layer == LIVE else _layer_name(work, choice.layer)
    heat, words = _reason(work, choice.reason)
    return Scene(
        work=work.id,
        image=image,
        beside=beside,
        labels=(own_name, its_name) if beside else ("", ""),
        views=_drawn(ref(work), choice.stage, choice.step) if choice.views else None,
        map=heat,
        words=words,
    )


def _beside(studio: Studio, owner: str, work: Work, name: str) -> tuple[Source | None, str]:
    id, _, theirs = name.rpartition("/")
    if not id:
        return (layer(work, name), _layer_name(work, name)) if name in work.layers else (None, "")
    try:
        other = studio.work(id, owner)
    except NotThere:
        return None, ""
    return layer(other, theirs), _called(other)


def _reason(work: Work, name: str) -> tuple[Heat | None, dict[str, Any] | None]:
    stage, _, which = name.partition("/")
    if not which:
        return None, None
    if which == "words":
        return None, why.read(work, int(stage))
    return Heat(f"/works/{work.id}/why/{int(stage)}/{int(which)}.png"), None


@lru_cache(maxsize=32)
def _drawn(held: ref[Work], stage: int, step: int) -> dict[str, Any] | None:
    """The views of a step; None where a stage has fewer steps.

    By reference: what was drawn of a work does not keep it in memory.
    """
    work = held()
    assert work is not None, "whoever asks has it"
    try:
        return drawn(work.request, stage, step)
    except BadRequest:
        return None


def bar(work: Work | None, status: Status | None) -> str:
    """How a picture stands, as a line of HTML: words, how far it is, and the time left."""
    if work is None or status is None:
        return '<p class="state empty"><span class="words">No picture yet</span></p>'
    progress = status.progress
    words, share, left = _sentence(work, status), "", ""
    if progress is not None:
        share = meter(progress.share, "painted")
        if progress.seconds_left is not None:
            left = f'<span class="left">{duration(progress.seconds_left)} left</span>'
    said = f'<span class="words">{escape(words)}</span>'
    return f'<p class="state {status.state}">{said}{share}{left}</p>'


def _sentence(work: Work, status: Status) -> str:
    words = status.words
    if status.state == "done":
        width, height = work.size
        words = f"done: {width}x{height} pixels, in {duration(work.record.seconds)}"
        words = "; ".join(filter(None, [words, work.record.said]))
    if status.seconds is not None:
        words = f"{words}. Going on takes about {duration(status.seconds)}"
    return words[:1].upper() + words[1:]


def downloads(work: Work, name: str) -> str:
    """Links to a layer's files, as HTML."""
    if name not in work.layers:
        return '<p class="help">There is nothing to download yet.</p>'
    links = (
        f'<a href="/works/{work.id}/download/{kind}?layer={name}" download>{export.label}</a>'
        for kind, export in KINDS.items()
    )
    return f'<p class="downloads">{"".join(links)}</p>'
