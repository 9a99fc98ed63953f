"""Pictures appear whole or not at all."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

__all__ = ["move", "unfinished"]


@contextmanager
def unfinished(path: Path) -> Iterator[Path]:
    """A path of that ending in an empty folder beside it, which is gone when the block ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".unfinished-") as folder:
        yield Path(folder) / f"picture{path.suffix}"


def move(finished: Sequence[Path], places: Sequence[Path]) -> None:
    """Moves the parts of a picture to their places; what was there before is replaced.

    The last part is the one that is opened. It goes last, and, where there are others, the one it
    replaces is taken away first: at no moment does it stand among parts of another picture. An
    error puts everything back.
    """
    for part in finished:
        _flush(part)
    (*others, head), (*their_places, place) = finished, places
    if not others:
        head.replace(place)
        return
    aside = head.parent / "before"
    aside.mkdir()
    with ExitStack() as undo:
        for old in (place, *their_places):
            _rename(old, aside / old.name, undo)
        for new, there in zip(finished, places, strict=True):
            _rename(new, there, undo)
        undo.pop_all()


def _rename(path: Path, other: Path, undo: ExitStack) -> None:
    undo.callback(_rename_if_there, other, path)  # first, for Ctrl-C may come between
    _rename_if_there(path, other)


def _rename_if_there(path: Path, other: Path) -> None:
    if path.exists():
        path.rename(other)


def _flush(part: Path) -> None:
    """To the disk itself, so that no later crash of the machine leaves names without contents."""
    for file in part.rglob("*") if part.is_dir() else [part]:
        if file.is_file():
            with file.open("r+b") as open_file:
                os.fsync(open_file.fileno())
