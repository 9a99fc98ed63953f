"""What can be asked of the studio, by its page and by its API alike."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from muralist.errors import BadRequest, MuralistError
from muralist.models import ALIASES
from muralist.request import Request
from muralist.studio.estimate import Effort, Estimate, Plans, effort, estimated, fewest_evaluations
from muralist.studio.gallery import Gallery, NotThere
from muralist.studio.painter import Painter
from muralist.studio.progress import Progress
from muralist.studio.work import OPEN, State, Work, stage_sizes

__all__ = ["Busy", "Limits", "Status", "Studio"]


class Busy(MuralistError):
    """The queue is full, or the studio closes; nothing is wrong with what was asked for."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What nobody may go beyond."""

    megapixels: float = 1100.0  # of a picture; a gigapixel has 1024 of 2**20
    queue: int = 100  # pictures that wait, of all owners together; of several, a quarter each
    evaluations: int = 3_000_000  # of the network, by one stage; 32768 pixels of SDXL take less
    upload: int = 64  # MiB of an image to start from


@dataclass(frozen=True)
class Status:
    """How a picture stands."""

    state: State
    words: str  # for people
    position: int | None = None  # in the queue, from 1
    progress: Progress | None = None  # where it is painted now
    seconds: float | None = None  # that going on takes, where that is known and asked


@dataclass(frozen=True, eq=False)
class Studio:
    """A gallery and who paints for it. Owners see their own pictures alone where it is `private`.

    Everything raises `NotThere` for pictures that are not there, or not to be seen, and
    `BadRequest` for what cannot be done with one as it stands.
    """

    gallery: Gallery
    painter: Painter
    models: Sequence[str] = tuple(name for name in ALIASES if name != "toy")
    limits: Limits = field(default_factory=Limits)
    private: bool = False
    plans: Plans = field(default_factory=Plans, repr=False)

    def work(self, id: str, owner: str) -> Work:
        """The picture of that name, which the owner may see."""
        work = self.gallery.work(id)
        if self.private and work.record.owner != owner:
            raise NotThere("there is no such picture in the gallery")
        return work

    def works(self, owner: str) -> list[Work]:
        """All that the owner may see, the newest first."""
        works = self.gallery.works()
        return [work for work in works if not self.private or work.record.owner == owner]

    def request(self, **asked: Any) -> Request:
        """A request of arguments as `Request` has them; `method` may be a name and its settings.

        `BadRequest` for models that are not offered, and for what is beyond the limits.
        """
        self._check_model(asked.get("model", "shapes"))
        request = Request(**asked)
        self._check(request)
        return request

    def _check_model(self, model: Any) -> None:
        if model not in self.models:
            raise BadRequest(f"model is {model!r}; {', '.join(self.models)} are offered")

    def _check(self, request: Request) -> None:
        """`BadRequest` for what is beyond the limits; at once, however much is asked for."""
        self._check_model(request.card.checkpoint.to_json())
        height, width = request.size.times(request.card.factor)
        if height * width > self.limits.megapixels * 2**20:
            raise BadRequest(
                f"a picture of {width}x{height} pixels is too large;"
                f" {self.limits.megapixels:,g} megapixels at most are painted here"
            )
        if (count := fewest_evaluations(request)) > self.limits.evaluations:
            raise BadRequest(
                f"more than {count:,} evaluations of the network are too many;"
                f" {self.limits.evaluations:,} for a stage are computed here: take fewer steps, or"
                " a larger stride"
            )

    def effort(self, request: Request) -> Effort:
        """What there is to do for a picture: a fraction of a second, seconds of a large one."""
        return effort(replace(request, **self.painter.means.limits), self.painter.rates)

    def estimate(self, request: Request) -> Estimate:
        """What a picture will cost; it takes seconds, but where words and seed alone are new."""
        means = self.painter.means
        return estimated(
            replace(request, **means.limits),
            self.gallery.folder,
            self.painter.rates,
            means.device,
            means.dtype,
            self.plans,
        )

    def ask(self, owner: str, request: Request, *, base_first: bool = False, **told: Any) -> Work:
        """Queues a new picture. `told` is what its record says beside.

        Raises `Busy` where the queue is full, or the studio closes.
        """
        works = self._begun(owner, {"": request}, base_first=base_first, **told)
        return works[0]

    def ask_all(self, owner: str, requests: Mapping[str, Request], sheet: str) -> list[Work]:
        """Queues new pictures that are compared in a sheet, by their labels: all of them or none.

        Raises `Busy` where the queue has no room for so many.
        """
        return self._begun(owner, requests, sheet=sheet)

    def _begun(
        self, owner: str, requests: Mapping[str, Request], base_first: bool = False, **told: Any
    ) -> list[Work]:
        """Nobody waits while files are written, and nobody paints one before all are there."""
        self._check_room(owner, len(requests))
        works: list[Work] = []
        try:
            for label, request in requests.items():
                choice = request.image is None and len(stage_sizes(request)) > 1
                known = {**told, "label": label or None, "base_first": base_first and choice}
                works.append(self.gallery.begin(owner, request, **known))
            with self.gallery.lock:
                self._check_room(owner, len(requests))  # others may have asked meanwhile
                for work in works:
                    self.gallery.take(work)
                self.painter.wake()
        except BaseException:
            for work in works:
                self.gallery.remove(work)
            raise
        return works

    def go_on(self, work: Work) -> None:
        """Queues a picture that was proposed, stopped or has failed: it goes on where it was."""
        self._check(work.request)  # limits may be others by now
        with self.gallery.lock:
            if work.record.state not in ("proposed", "stopped", "failed"):
                raise BadRequest(
                    f"the picture is {work.record.state}; there is nothing to go on with"
                )
            self._check_room(work.record.owner, 1)
            done, _ = work.reached
            first = work.record.base_first and work.record.state != "proposed" and not done
            work.become("queued", asked=time.time(), base_first=first, said=None)
            self.painter.wake()

    def another(self, work: Work, owner: str, seed: int) -> Work:
        """Queues the same with another seed; where it was proposed, in its place."""
        request = replace(work.request, seed=seed)
        self._check(request)
        again = self.ask(owner, request, base_first=True, image_name=work.record.image_name)
        with self.gallery.lock:  # somebody may have gone on with it
            if work.record.state == "proposed":
                self.remove(work)
        return again

    def stop(self, work: Work) -> None:
        """Stops a picture at its next step; what is painted is kept."""
        if work.record.state not in OPEN:
            raise BadRequest(f"the picture is {work.record.state}; there is nothing to stop")
        self.painter.stop(work)

    def remove(self, work: Work) -> None:
        """Deletes a picture with all its files; one that is painted, at its next step."""
        with self.gallery.lock:
            if work not in self.gallery:  # somebody else was quicker
                return
            if work.record.state == "painting":
                self.painter.stop(work)
                self.gallery.forget(work)
            else:
                self.gallery.remove(work)

    def status(self, work: Work) -> Status:
        """How a picture stands, in words too."""
        with self.gallery.lock:
            record, progress = work.record, self.painter.progress(work)
            if progress is not None:
                return Status("painting", progress.words, None, progress)
            if record.state == "queued":
                line = list(self.painter.line)
                position = line.index(work) + 1 if work in line else 1
                words = f"number {position} in the queue"
                if done := work.reached[0]:
                    words = f"stage {done} of {work.stages} is done; {words}"
                return Status("queued", words, position)
        words = "; ".join(filter(None, [_WORDS.get(record.state), record.said]))
        proposed = record.state == "proposed"
        rest = self.painter.rates.seconds(work.request, work.cost, 1) if proposed else None
        return Status(record.state, words, seconds=rest)

    def _check_room(self, owner: str, count: int) -> None:
        if self.painter.closing:
            raise Busy("the studio is closing; ask again when it is open")
        line = self.painter.line
        room = self.limits.queue - len(line)
        if self.private:
            theirs = sum(work.record.owner == owner for work in line)
            room = min(room, max(self.limits.queue // 4, 1) - theirs)
        if count > room:
            raise Busy(
                f"there is room for {max(room, 0)} more pictures in the queue, not for {count}; try"
                " again when some are painted"
            )


_WORDS = {
    "proposed": "this is the base picture: go on, or try another seed",
    "stopped": "stopped; it can go on where it was",
    "failed": "not painted",
    "done": "done",
}
