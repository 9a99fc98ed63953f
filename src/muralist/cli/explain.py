"""Ideas as pictures: listed, and drawn into files."""

from collections.abc import Sequence
from pathlib import Path

from muralist.cli import painting, show
from muralist.explain import IDEAS, idea_named, said
from muralist.request.typed import pair
from muralist.settings import parsed, to_json
from muralist.sinks import check_writable, save
from muralist.version import __version__

__all__ = ["draw", "ideas"]


def ideas(as_json: bool) -> None:
    """All ideas with their settings."""
    show.methods(IDEAS, as_json)


def draw(name: str, pairs: Sequence[str], out: Path | None) -> None:
    """The picture of an idea, into a file; what was set is written inside."""
    cls = idea_named(name)
    idea = parsed(cls, dict(map(pair, pairs)))
    target = check_writable(out or painting.free(Path(f"{name}.png")))
    painting.quiet()
    save(idea(), target, {"muralist": __version__, "idea": name, **to_json(idea)})
    print(f"{target}: {said(cls)[0]}")
