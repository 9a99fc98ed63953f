"""The one who paints: a thread that takes up one picture after another, whose turn it is."""

import logging
import shutil
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from muralist.errors import MuralistError
from muralist.events import Finished, StageBegun, StageDone
from muralist.generation import generate
from muralist.models.once import loaded_once
from muralist.planning import work as planned
from muralist.planning.calibration import calibrated
from muralist.request import Request
from muralist.run import short_of_memory
from muralist.studio.gallery import Gallery
from muralist.studio.keeper import Keeper
from muralist.studio.line import in_turn, last_served
from muralist.studio.progress import Course, Progress
from muralist.studio.rates import Rates
from muralist.studio.work import State, Work

__all__ = ["Means", "Painter"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Means:
    """What pictures are painted with, whoever asks for them: the server's own flags."""

    device: torch.device | None = None
    dtype: torch.dtype | None = None
    limits: dict[str, Any] = field(default_factory=dict)  # batch_size, canvas, workers, ray


@dataclass(eq=False)
class _Run:
    """What is painted now."""

    work: Work
    course: Course | None = None  # once it is known what there is to do
    stopping: bool = False
    said: str | None = None  # what its owner is to know, whatever becomes of it


class Painter:
    """Paints what is queued in a gallery, one picture at a time, in a thread of its own.

    A picture that is stopped, here or by the end of the process, goes on where it was when it is
    queued again. Between two stages it gives way to other owners, whose base pictures take seconds
    and would wait for hours. `timed` is a request whose model is timed before anything is painted,
    if it has not painted here yet: estimates know it then.
    """

    def __init__(self, gallery: Gallery, means: Means, timed: Request | None = None) -> None:
        self.gallery, self.means = gallery, means
        self._timed = timed
        self.rates = Rates(gallery.folder / "rates.json")
        self._changed = threading.Condition(gallery.lock)
        self._run: _Run | None = None
        self._closing = False
        self._thread = threading.Thread(target=self._paint_all, name="painter", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self, seconds: float | None = None) -> None:
        """Lets the step that is computed end, keeps the canvas, and stops: it is queued again.

        After so many seconds it is left alone: what its job wrote last is what it goes on from.
        """
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(seconds)

    def wake(self) -> None:
        """Says that something was queued."""
        with self._changed:
            self._changed.notify_all()

    @property
    def closing(self) -> bool:
        """Whether it takes up nothing more: it is told to stop, or has died."""
        begun = self._thread.ident is not None
        return self._closing or (begun and not self._thread.is_alive())

    @property
    def painted(self) -> Work | None:
        """The picture that is painted now."""
        run = self._run
        return run.work if run is not None else None

    @property
    def line(self) -> Sequence[Work]:
        """Pictures to be painted, in turn, without the one that is painted now."""
        with self.gallery.lock:
            works = self.gallery.works()
            queued = (work for work in works if work.record.state == "queued")
            return in_turn(queued, last_served(works))

    def progress(self, work: Work) -> Progress | None:
        """How far a picture has come; None where it is not painted now."""
        run = self._run
        if run is None or run.work is not work:
            return None
        return run.course.now if run.course else Progress()

    def stop(self, work: Work) -> None:
        """Stops what is painted, at its next step; of what is queued, forgets that it is."""
        with self._changed:
            if self._run is not None and self._run.work is work:
                self._run.stopping = True
            elif work.record.state == "queued":
                work.become("stopped")

    def _paint_all(self) -> None:
        if self._timed is not None and not self.rates.knows(self._timed):
            self._time(self._timed)
        while (run := self._next()) is not None:
            began, state = time.monotonic(), "failed"
            try:
                state = self._paint(run)
            except Exception as error:
                run.said = _sentence(error).replace(f"{run.work.folder}/", "")
                if not isinstance(error, MuralistError):
                    _log.exception("a picture could not be painted")
            with self._changed:
                self._run = None
                self._ended(run, state, time.monotonic() - began)

    def _time(self, asked: Request) -> None:
        """Learns from a few calls of a model how fast it is."""
        try:
            model = loaded_once(asked.card.checkpoint, self.means.device, self.means.dtype)
            request = replace(asked, model=model, **self.means.limits)
            stages = planned(request).stages
            for stage, seconds in zip(stages, calibrated(request, stages).stages, strict=True):
                self.rates.learn(request, stage, 1.0, seconds)
        except Exception:  # it is painted with all the same, and learnt from
            _log.warning("%s could not be timed", asked.card.name, exc_info=True)

    def _next(self) -> _Run | None:
        """Whose turn it is, once there is somebody; None when all is to end."""
        with self._changed:
            while not self._closing:
                for work in self.line:
                    try:
                        work.become("painting", served=time.time(), said=None)
                    except OSError as error:  # the disk is full: on it, it is queued still
                        work.record = replace(work.record, state="failed", said=_sentence(error))
                        continue
                    self._run = _Run(work)
                    return self._run
                self._changed.wait()
            return None

    def _ended(self, run: _Run, state: State, seconds: float) -> None:
        work = run.work
        if work not in self.gallery:
            self.gallery.remove(work)
            return
        try:
            work.become(state, said=run.said, seconds=work.record.seconds + seconds)
        except OSError as error:  # on the disk it is still painted, and will be taken up
            _log.error("what became of a picture could not be written down: %s", error)
            work.record = replace(work.record, state="failed", said=_sentence(error))
            return
        if state == "done":
            shutil.rmtree(work.job, ignore_errors=True)

    def _others_wait(self, work: Work) -> bool:
        return any(other.record.owner != work.record.owner for other in self.line)

    def _paint(self, run: _Run) -> State:
        """Paints until the picture is there, is to be stopped or proposed, or gives way."""
        work = run.work
        asked, course = work.request, Course(work.cost)
        run.course = course
        model = loaded_once(asked.card.checkpoint, self.means.device, self.means.dtype)
        run.said = _left_out(model.dropped(asked.told))
        request = replace(asked, model=model, **self.means.limits)
        keeper, further = Keeper(work, model, self.rates), False
        events = generate(request, job=work.job, spool=work.folder)
        with closing(events):  # type: ignore
            for event in events:
                course.read(event)
                keeper.read(event)
                course.saw(keeper.preview)
                if isinstance(event, Finished):
                    return "done"
                if run.stopping:
                    return "stopped"
                if self._closing:
                    return "queued"
                if isinstance(event, StageBegun) and event.stage > 1:  # the last one is kept now
                    if event.stage == 2 and work.record.base_first:
                        return "proposed"
                    # but not where it was taken up: those who give way to each other come further
                    if further and self._others_wait(work):
                        return "queued"
                further = further or isinstance(event, StageDone)
        raise AssertionError("a run that raises nothing finishes")


def _sentence(error: Exception) -> str:
    if short_of_memory(error):
        return "the device has no memory left; ask for a smaller picture, or a smaller --dtype"
    if isinstance(error, MuralistError):
        return " ".join(str(error).split())
    if isinstance(error, OSError):  # the system's own say where, which is nobody's business
        return error.strerror or "a file could not be read or written"
    return f"muralist has a fault: {type(error).__name__}; the server's log has more"


def _left_out(dropped: Mapping[str, str]) -> str | None:
    """The ends of texts that the model has no room for."""
    said = [
        f"the {name.replace('_', ' ')} is too long; left out: {end}"
        for name, end in dropped.items()
    ]
    return "; ".join(said) or None
