"""A folder from which a run that stopped can be taken up."""

import itertools
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, NamedTuple

try:
    import fcntl
except ImportError:  # not on Windows, where nobody is kept away
    fcntl = None

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from muralist.errors import BadRequest
from muralist.methods import method_from_json
from muralist.request import Request
from muralist.solvers.memory import Memory, apart, together
from muralist.version import __version__

__all__ = ["Canvas", "Job", "Unkept", "locked", "reached"]

_FORMAT = 2  # of the files below
_REQUEST, _CANVAS, _STAGE = "job.json", "canvas.safetensors", "stage-{}.safetensors"
_LOCK, _UNFINISHED = "lock", ".unfinished"


class Canvas(NamedTuple):
    """A stage's canvas after some of its steps."""

    stage: int  # from 1
    steps: int  # how many are done; all of them where the stage is done
    x: Tensor  # 1 C H W
    memory: Memory | None  # what the solver looks back on
    notes: Mapping[str, Tensor]  # what the method has noted so far


class Unkept:
    """A run that nobody wants to take up."""

    def begin(self) -> None:
        pass

    def end(self) -> None:
        pass

    def reached(self) -> tuple[int, int]:
        return 0, 0

    def stages(self) -> list[Canvas]:
        return []

    def canvas(self, stage: int) -> Canvas | None:
        return None

    def painted(self, canvas: Canvas) -> None:
        pass

    def finished(self, canvas: Canvas) -> None:
        pass

    def flush(self) -> None:
        pass


class Job:
    """A folder with a request, its finished stages, and the canvas of the one that is painted.

    The canvas is written every `interval` seconds, and when the run stops. Files appear whole: the
    one before is kept until the next is on the disk. `told` is what else is to be remembered, as
    JSON values; what was told before if unset.

    Raises `BadRequest` where the folder holds another request, files of another muralist or of
    somebody else, or cannot be written to; and, from `begin` to `end`, where another process is at
    it.
    """

    def __init__(
        self,
        folder: str | Path,
        request: Request,
        told: Mapping[str, Any] | None = None,
        interval: float = 60.0,
    ) -> None:
        self.folder, self.interval = Path(folder), interval
        asked = {**request.to_json(), "scheduler": dict(request.card.scheduler)}
        self._asked = json.loads(json.dumps(asked, default=str))
        self._latest: Canvas | None = None
        self._written = time.monotonic()
        self._lock: IO[str] | None = None
        before: Mapping[str, Any] = {}
        if self.begun:
            content = self.read(self.folder)
            before = content["told"]
            self._check_same(content["request"])
        else:
            _check_free(self.folder)
        self.told = dict(before if told is None else told)

    def _check_same(self, before: Mapping[str, Any]) -> None:
        others = [name for name in self._asked if before.get(name) != self._asked[name]]
        if others:
            raise BadRequest(
                f"{self.folder} holds another picture (other {', '.join(others)}); resume it,"
                " remove it, or name another folder"
            )

    @property
    def begun(self) -> bool:
        """Whether there is something to take up."""
        return (self.folder / _REQUEST).exists()

    def begin(self) -> None:
        """Keeps others away, and writes down what is asked for."""
        known = {"format": _FORMAT, "muralist": __version__, "request": self._asked}
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            self._lock = locked(self.folder / _LOCK)
            with _settled(self.folder / _REQUEST) as unfinished:
                unfinished.write_text(json.dumps({**known, "told": self.told}, indent=1))
        except OSError:
            self.end()
            if not self.begun:
                self.remove()
            raise

    def end(self) -> None:
        """Lets others at it."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    @staticmethod
    def read(folder: str | Path) -> dict[str, Any]:
        """What a job was made for: its `request`, and what else it was `told`."""
        path = Path(folder) / _REQUEST
        try:
            content = json.loads(path.read_text())
            kind, version = content["format"], str(content["muralist"])
            told = content["told"]
        except FileNotFoundError as error:
            raise BadRequest(f"{folder} is no job: there is no {path}") from error
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise BadRequest(f"{path} cannot be read: {error!r}") from error
        if kind != _FORMAT or _line(version) != _line(__version__):
            raise BadRequest(
                f"{folder} was begun by muralist {version}, and this is {__version__}: go on with"
                " that one, or paint anew"
            )
        try:
            method_from_json(content["request"]["method"])
            whole = {"width", "height", "prompt"} <= set(content["request"])
        except (BadRequest, TypeError, LookupError, AttributeError) as error:
            raise BadRequest(f"{path} holds no request: {error}") from error
        if not whole or not isinstance(told, dict):
            raise BadRequest(f"{path} holds no request")
        return content

    def check_dtype(self, dtype: str | None) -> None:
        """Raises `BadRequest` where it was begun in another, as far as it was told."""
        if self.begun and self.told.get("dtype") != dtype:
            before = self.told.get("dtype") or "none"
            raise BadRequest(
                f"{self.folder} was begun with --dtype {before}; go on so, or remove it"
            )

    def reached(self) -> tuple[int, int]:
        """How many stages are finished, and how many steps of the next."""
        return reached(self.folder)

    def stages(self) -> list[Canvas]:
        """The finished stages, in their order."""
        return [_read(path) for path in _stages(self.folder)]

    def canvas(self, stage: int) -> Canvas | None:
        """The canvas of a stage that was begun."""
        path = self.folder / _CANVAS
        return _read(path) if _told(path)[0] == stage else None

    def painted(self, canvas: Canvas) -> None:
        """Notes the canvas after a step, and writes it when it is time."""
        self._latest = canvas
        if time.monotonic() - self._written >= self.interval:
            self.flush()

    def finished(self, canvas: Canvas) -> None:
        """Keeps a finished stage."""
        _write(canvas, self.folder / _STAGE.format(canvas.stage))
        self._latest = None
        (self.folder / _CANVAS).unlink(missing_ok=True)
        self._written = time.monotonic()

    def flush(self) -> None:
        """Writes the canvas of the last step that is done."""
        if self._latest is not None:
            _write(self._latest, self.folder / _CANVAS)
            self._latest = None
            self._written = time.monotonic()

    def remove(self) -> None:
        """The job's own files, what it is a job by last of all, and its folder if none are left."""
        shutil.rmtree(self.folder / _UNFINISHED, ignore_errors=True)
        for path in [*_stages(self.folder), self.folder / _CANVAS, self.folder / _LOCK]:
            path.unlink(missing_ok=True)
        (self.folder / _REQUEST).unlink(missing_ok=True)
        with suppress(OSError):  # somebody has put something into it
            self.folder.rmdir()


def reached(folder: Path) -> tuple[int, int]:
    """How many stages of a job are finished, and how many steps of the next."""
    finished = len(_stages(folder))
    stage, steps = _told(folder / _CANVAS)
    return finished, steps if stage == finished + 1 else 0


def _check_free(folder: Path) -> None:
    """Raises `BadRequest` where no job can be begun."""
    ours = (_LOCK, _UNFINISHED)  # all there is of a job that was killed before it began
    if folder.exists() and not (folder.is_dir() and all(p.name in ours for p in folder.iterdir())):
        raise BadRequest(f"{folder} is there and is no job; name another folder for it")
    there = next(part for part in (folder, *folder.absolute().parents) if part.exists())
    if not (there.is_dir() and os.access(there, os.W_OK)):
        raise BadRequest(f"{folder} cannot be written: {there} is no folder that can")


def locked(path: Path) -> IO[str]:
    """An open file that no other process has open so; given back when it is closed, or killed."""
    file = path.open("w")
    if fcntl is not None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.close()
            raise BadRequest(f"{path.parent} is being painted by another process") from error
    return file


def _line(version: str) -> list[str]:
    """The part of a version within which pictures stay the same."""
    return version.split(".")[:2]


def _write(canvas: Canvas, path: Path) -> None:
    tensors = {"x": canvas.x}
    tensors |= {f"notes.{name}": tensor for name, tensor in canvas.notes.items()}
    told = {"stage": str(canvas.stage), "steps": str(canvas.steps)}
    if canvas.memory is not None:
        values, canvases = apart(canvas.memory)
        told["memory"] = json.dumps(values)
        tensors |= {f"memory.{name}": tensor for name, tensor in canvases.items()}
    with _settled(path) as unfinished:
        save_file({name: each.contiguous() for name, each in tensors.items()}, unfinished, told)


@contextmanager
def _settled(path: Path) -> Iterator[Path]:
    """A file to write, which takes its place once it is on the disk, and the place, too.

    It lies in a folder of its own, with whatever its writer puts beside it: all that a kill can
    leave is in there. Raises `OSError`, and leaves what was there.
    """
    unfinished = path.parent / _UNFINISHED / path.name
    try:
        unfinished.parent.mkdir(exist_ok=True)
        yield unfinished
        _sync(unfinished)
        unfinished.replace(path)
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or error
        raise OSError(f"{path} cannot be written: {reason}") from error
    finally:
        shutil.rmtree(unfinished.parent, ignore_errors=True)
    _sync(path.parent)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _stages(folder: Path) -> list[Path]:
    """The files of the finished stages, up to the first that is missing."""
    numbered = (folder / _STAGE.format(number) for number in itertools.count(1))
    return list(itertools.takewhile(Path.exists, numbered))


def _told(path: Path) -> tuple[int, int]:
    """The stage of a canvas and the steps it has behind it; zeros where there is none."""
    if not path.exists():
        return 0, 0
    with _reading(path) as file:
        told = file.metadata()
        return int(told["stage"]), int(told["steps"])


def _read(path: Path) -> Canvas:
    stage, steps = _told(path)
    with _reading(path) as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        told = file.metadata().get("memory")
    memory = None if told is None else together(json.loads(told), _under("memory.", tensors))
    return Canvas(stage, steps, tensors["x"], memory, _under("notes.", tensors))


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }


@contextmanager
def _reading(path: Path) -> Iterator[Any]:
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise BadRequest(f"{path} cannot be read: {error}; remove it to go on before it") from error
