"""Images that people send: files in a folder of their own, looked at once and never by name."""

import shutil
from pathlib import Path

from muralist.errors import BadRequest
from muralist.photo import Photo, photo

__all__ = ["emptied", "sent"]

_LONGEST = 80  # characters of a name, for people


def emptied(folder: Path) -> Path:
    """The folder, with nothing in it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def sent(folder: Path, path: str, name: str | None = None) -> tuple[Photo, str]:
    """The image that was uploaded into a folder, and what its sender calls it.

    Raises `BadRequest`, which tells nothing of this machine, for any file that is elsewhere, and
    for what `photo` refuses.
    """
    file = Path(path).resolve()
    if not file.is_relative_to(folder.resolve()):
        raise BadRequest("the image was not uploaded; upload it first, and name what that returns")
    called = Path(name or file.name).name[:_LONGEST]
    called = called.encode(errors="replace").decode()  # half characters cannot be told of
    try:
        return photo(file), called
    except BadRequest as error:
        raise BadRequest(str(error).replace(str(file), called)) from error
