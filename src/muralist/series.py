"""Many pictures: each with a job of its own, and with a line in the results."""

import json
import os
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import torch

from muralist.errors import BadRequest
from muralist.events import Finished
from muralist.generation import PromptTooLong, generate
from muralist.job import Job, locked
from muralist.models.once import loaded_once
from muralist.request import Request
from muralist.sinks import read_settings

__all__ = ["RESULTS", "Painting", "Result", "Wanted", "alone", "job_of", "still_wanted"]

RESULTS = "results.jsonl"

Result: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class Wanted:
    """A picture to be painted, asked for in a line of a file."""

    line: int
    request: Request
    out: Path

    @property
    def done(self) -> bool:
        """Whether the picture is there. `BadRequest` where another one is in its place."""
        if not self.out.exists():
            return False
        there, asked = read_settings(self.out), json.loads(json.dumps(self.request.to_json()))
        others = [name for name in asked if there.get(name) != asked[name]]
        if others:
            raise BadRequest(
                f"{self.out} is another picture than line {self.line} asks for (other"
                f" {', '.join(others)}); remove it, or name another folder"
            )
        return True

    def result(self, **more: Any) -> Result:
        """Its line in the results."""
        known = {"line": self.line, "out": self.out.name}
        return {**known, "prompt": self.request.prompt, "seed": self.request.seed, **more}


@dataclass(frozen=True)
class Painting:
    """Paints what is wanted, here; each has a job beside it until it is saved.

    What becomes of it is written down at once, in `results.jsonl` beside it. An error is its
    result: the others are painted all the same. `told` is what jobs remember.
    """

    device: torch.device | None
    dtype: torch.dtype | None
    keep: bool
    told: Mapping[str, Any]

    def __call__(self, wanted: Wanted) -> Result:
        began = time.monotonic()
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always", PromptTooLong)
                self._paint(wanted)
        except Exception as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            result = wanted.result(painted=False, error=reason)
        else:
            told = [str(each.message) for each in caught if each.category is PromptTooLong]
            words = {"warning": told[0]} if told else {}
            seconds = round(time.monotonic() - began, 3)
            result = wanted.result(painted=True, seconds=seconds, **words)
        with (wanted.out.parent / RESULTS).open("ab") as file:
            file.write(_line(result))  # in one piece: others write there, too
            file.flush()
            os.fsync(file.fileno())
        return result

    def _paint(self, wanted: Wanted) -> None:
        request = replace(
            wanted.request,
            model=loaded_once(wanted.request.card.checkpoint, self.device, self.dtype),
        )
        job = self.job(wanted)
        for event in generate(request, job=job, spool=wanted.out.parent):
            if isinstance(event, Finished):
                event.picture.save(wanted.out)
        if not self.keep:
            job.remove()

    def job(self, wanted: Wanted) -> Job:
        """Where the picture is taken up from; `BadRequest` where another one's is."""
        job = Job(job_of(wanted.out), wanted.request)
        job.check_dtype(self.told.get("dtype"))
        job.told = {**self.told, "out": str(wanted.out.absolute())}
        return job

    def tidy(self, pictures: Sequence[Wanted]) -> None:
        """Removes what a kill has left of the jobs of pictures that are there."""
        for picture in pictures:
            if picture.done and (job := self.job(picture)).begun:
                job.remove()


def still_wanted(pictures: Sequence[Wanted], folder: Path) -> list[Wanted]:
    """Those that are not there yet.

    `results.jsonl` is left with a line for each that is: those that failed are asked for again.
    """
    known = {result["out"]: result for result in _results(folder / RESULTS)}
    for picture in pictures:
        before = known.pop(picture.out.name, {})
        if picture.done:
            known[picture.out.name] = (
                before if before.get("painted") else picture.result(painted=True)
            )
    if known or (folder / RESULTS).exists():
        _rewrite(folder / RESULTS, known.values())
    return [picture for picture in pictures if picture.out.name not in known]


def job_of(picture: Path) -> Path:
    """Where a picture's job is if nothing else is said."""
    return picture.with_name(f"{picture.name}.job")


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keeps others away who would paint into the same folder; `BadRequest` where one is at it."""
    lock = folder / ".lock"
    with locked(lock):
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)


def _line(result: Result) -> bytes:
    return json.dumps(result).encode() + b"\n"


def _results(file: Path) -> list[Result]:
    """What is written down; the end of a line that a kill has cut off is nothing."""
    if not file.exists():
        return []
    try:
        lines = [json.loads(line) for line in file.read_bytes().split(b"\n")[:-1] if line]
        return [dict(line, out=str(line["out"])) for line in lines]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadRequest(f"{file} cannot be read as results: {error!r}; move it away") from error


def _rewrite(file: Path, results: Iterable[Result]) -> None:
    unfinished = file.with_name(f".{file.name}")
    unfinished.write_bytes(b"".join(map(_line, results)))
    unfinished.replace(file)
