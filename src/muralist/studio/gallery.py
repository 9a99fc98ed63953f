"""All pictures that were asked for, in a folder that outlives the server."""

import re
import secrets
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from muralist.errors import BadRequest
from muralist.job import locked
from muralist.request import Request
from muralist.studio.work import Record, Work

__all__ = ["Gallery", "NotThere"]

_ID = re.compile(r"[0-9a-f]{16}")
_GONE = ".gone-"
_LOCK = ".gallery"  # marks the folder as one of ours, too


class NotThere(BadRequest):
    """No picture of that name; or somebody else's, which is the same to whoever asks."""


class Gallery:
    """A folder with a folder for each picture, open in one process at a time.

    What an earlier process was painting is queued again: its job goes on. What cannot be read is
    left alone. Raises `BadRequest` where the folder is somebody else's, or another process has it
    open.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder).absolute()
        self.lock = threading.RLock()
        self._file = _opened(self.folder)
        self.unread: list[str] = []  # sentences on folders that were left alone
        self._works = {work.id: work for work in self._found()}

    def _found(self) -> Iterator[Work]:
        for gone in self.folder.glob(f"{_GONE}*"):
            shutil.rmtree(gone, ignore_errors=True)
        for folder in sorted(self.folder.iterdir()):
            if not _ID.fullmatch(folder.name):
                continue
            try:
                work = Work.read(folder)
            except BadRequest as error:
                self.unread.append(str(error))
                continue
            if work.record.state == "removed":
                shutil.rmtree(folder, ignore_errors=True)
                continue
            if work.record.state == "painting":
                work.become("queued")
            yield work

    def begin(self, owner: str, request: Request, **told: Any) -> Work:
        """A new picture, queued; `told` is what its record says beside.

        Its files are written before the gallery knows it, so that nobody waits for them.
        """
        now = time.time()
        settings = request.to_json()
        if request.image is not None:  # it is kept in the folder, whatever it was called
            settings["image"] = replace(request.photos[0], path=None).to_json()
        record = Record(owner=owner, made=now, asked=now, settings=settings, **told)
        folder = self.folder / secrets.token_hex(8)
        try:
            work = Work.begun(folder, request, record)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return work

    def take(self, work: Work) -> None:
        """From now on it is one of the gallery's."""
        with self.lock:
            self._works[work.id] = work

    def __contains__(self, work: Work) -> bool:
        return self._works.get(work.id) is work

    def work(self, id: str) -> Work:
        """The picture of that name; `NotThere` where there is none."""
        with self.lock:
            if id not in self._works:
                raise NotThere("there is no such picture in the gallery")
            return self._works[id]

    def works(self) -> list[Work]:
        """All of them, the newest first."""
        with self.lock:
            return sorted(self._works.values(), key=lambda work: work.record.made, reverse=True)

    def forget(self, work: Work) -> None:
        """Takes it out of the gallery, and leaves its files to who is painting it still."""
        with self.lock, suppress(OSError):  # on a full disk it would be back after a kill
            self._works.pop(work.id, None)
            work.become("removed")

    def remove(self, work: Work) -> None:
        """Takes it out of the gallery, with its files; on a full disk, too.

        They go under another name, by which the next start would find what is left of them.
        """
        with self.lock:
            self._works.pop(work.id, None)
            with suppress(OSError):
                gone = work.folder.rename(work.folder.with_name(f"{_GONE}{work.id}"))
                shutil.rmtree(gone, ignore_errors=True)

    def close(self) -> None:
        """Lets other processes at it."""
        self._file.close()


def _opened(folder: Path) -> IO[str]:
    mark = folder / _LOCK
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not mark.exists() and any(folder.iterdir()):
            raise BadRequest(f"{folder} holds other things than a gallery; name an empty folder")
        return locked(mark)
    except OSError as error:
        raise BadRequest(f"{folder} cannot be a gallery: {error.strerror}") from error
    except BadRequest as error:
        if "another process" in str(error):
            raise BadRequest(f"{folder} is open in another studio") from error
        raise
