"""Who may come in: names and passwords, as words on a command line or as lines of files."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from muralist.errors import BadRequest

__all__ = ["accounts"]

_LONGEST = 64  # characters of a name


def accounts(given: Sequence[str]) -> Mapping[str, str]:
    """Passwords by names, of NAME:PASSWORD and of files of such lines.

    In files, empty lines and those that begin with `#` are no accounts. Raises `BadRequest`, which
    tells no password, for what is neither, and for a name that is given twice.
    """
    found: dict[str, str] = {}
    for where, line in _lines(given):
        name, colon, password = line.partition(":")
        name = name.strip()
        if not (colon and name and password):
            raise BadRequest(f"{where} is not NAME:PASSWORD")
        if len(name) > _LONGEST or not name.isprintable():
            raise BadRequest(f"the name in {where} is not one of {_LONGEST} letters at most")
        if name in found:
            raise BadRequest(f"{name} is given twice; each name has one password")
        found[name] = password
    return found


def _lines(given: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each account, and where it was said."""
    for number, word in enumerate(given, start=1):
        if ":" in word and not _is_file(word):
            yield f"--auth number {number}", word
            continue
        try:
            lines = Path(word).read_text().splitlines()
        except (OSError, ValueError):
            raise BadRequest(
                f"--auth number {number} is neither NAME:PASSWORD nor a text file of such lines"
            ) from None  # the system's own tells the word, or what is in the file
        filled = [
            (f"line {at} of {word}", line)
            for at, line in enumerate(lines, start=1)
            if line.strip() and not line.startswith("#")
        ]
        if not filled:
            raise BadRequest(f"{word} holds no account; a NAME:PASSWORD in each line is needed")
        yield from filled


def _is_file(word: str) -> bool:
    with suppress(OSError, ValueError):  # it is too long for a name, say
        return Path(word).is_file()
    return False
