"""The studio for programs: endpoints that take and give JSON, by Gradio's API."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypedDict

import gradio as gr
from gradio.data_classes import FileData
from gradio.events import api as endpoint

from muralist.errors import BadRequest, MuralistError
from muralist.methods import method_from_json
from muralist.photo import Photo
from muralist.studio.export import KINDS
from muralist.studio.gradio_holds import unoffered
from muralist.studio.owner import owner
from muralist.studio.page.spoken import sentence
from muralist.studio.spelled import as_command, as_python
from muralist.studio.studio import Studio
from muralist.studio.uploads import sent
from muralist.studio.work import OPEN, Work
from muralist.suggest import did_you_mean

__all__ = ["Api", "Options", "offer"]

_PAUSE = 0.5  # seconds between two looks at a picture that is watched


class Options(TypedDict, total=False):
    """What may be told of a picture beside its prompt, by the names of `muralist.Request`.

    `method` is a name, `settings` its settings by name; `scale` is for images.
    """

    model: str
    width: int
    height: int
    scale: float
    negative_prompt: str
    method: str
    settings: dict[str, Any]
    num_inference_steps: int
    guidance_scale: float
    guidance_rescale: float
    guidance_interval: list[float]
    pag_scale: float
    solver: str
    seed: int


Answer = dict[str, Any]


@contextmanager
def _sentences() -> Iterator[None]:
    """What cannot be done leaves as Gradio's error, which says its sentence and no more."""
    try:
        yield
    except (MuralistError, OSError) as error:
        raise gr.Error(sentence(error), print_exception=False) from error


@dataclass(frozen=True)
class Api:
    """The endpoints, by the names of the methods. `uploads` is where Gradio keeps what is sent."""

    studio: Studio
    uploads: Path

    @_sentences()
    def paint(
        self,
        request: gr.Request,
        prompt: str,
        options: Options | None = None,
        base_first: bool = False,
    ) -> Answer:
        """Asks for a picture.

        Args:
            prompt: what to paint
            options: what else is to be told, by the names of muralist.Request
            base_first: stop when the first stage is there, and wait for go_on

        Returns:
            the picture, as `state` tells of it; its `id` is what other endpoints take
        """
        wanted = self.studio.request(prompt=prompt, **arguments(options))
        return self._told(self.studio.ask(owner(request), wanted, base_first=bool(base_first)))

    @_sentences()
    def upscale(
        self,
        request: gr.Request,
        image: FileData,
        prompt: str = "",
        options: Options | None = None,
    ) -> Answer:
        """Asks for a larger picture of an image.

        Args:
            image: JPEG, PNG, WebP, TIFF, GIF or AVIF, uploaded
            prompt: what it shows; may be left out
            options: as for paint, and the scale, 4 say

        Returns:
            the picture, as `state` tells of it
        """
        photo, name = self._image(image)
        wanted = self.studio.request(prompt=prompt, image=photo, **arguments(options))
        return self._told(self.studio.ask(owner(request), wanted, image_name=name))

    @_sentences()
    def plan(self, options: Options | None = None, image: FileData | None = None) -> Answer:
        """Tells what a picture would cost, before it is asked for.

        Args:
            options: as for paint
            image: as for upscale

        Returns:
            stages as [width, height], network calls, bytes of memory and disk, seconds where they
            are known, and what there is too little of, if anything
        """
        start = {} if image is None else {"image": self._image(image)[0]}
        cost = self.studio.estimate(self.studio.request(**start, **arguments(options)))
        return {**asdict(cost), "stages": [[size.width, size.height] for size in cost.stages]}

    @_sentences()
    def state(self, request: gr.Request, id: str) -> Answer:
        """Tells how a picture stands, and where its files are.

        Args:
            id: of the picture

        Returns:
            its state (queued, painting, proposed, stopped, failed or done), in words too, position
            in the queue, progress, layers, files to download, settings; these also as a command
            line and as Python
        """
        work = self._work(request, id)
        image = work.record.image_name or "image.png"
        written = {
            "command": as_command(work.request, image),
            "python": as_python(work.request, image),
        }
        return {**self._told(work), **written}

    async def watch(self, request: gr.Request, id: str) -> AsyncIterator[Answer]:
        """Tells how a picture stands, again and again, until nothing more comes by itself.

        Args:
            id: of the picture

        Returns:
            as `state`; the last is how it ended
        """
        with _sentences():
            work = await asyncio.to_thread(self._work, request, id)
            last = None
            while work.record.state in OPEN and not self.studio.painter.closing:
                if (told := await asyncio.to_thread(self._told, work)) != last:
                    yield told
                last = told
                await asyncio.sleep(_PAUSE)
            yield await asyncio.to_thread(self._told, work)

    @_sentences()
    def go_on(self, request: gr.Request, id: str) -> Answer:
        """Goes on with a picture that is proposed, was stopped or has failed.

        Args:
            id: of the picture

        Returns:
            the picture, as `state` tells of it
        """
        work = self._work(request, id)
        self.studio.go_on(work)
        return self._told(work)

    @_sentences()
    def another(self, request: gr.Request, id: str, seed: int) -> Answer:
        """Asks for the same picture with another seed, in place of one that is proposed.

        Args:
            id: of the picture
            seed: of the new one

        Returns:
            the new picture as `state` tells of it
        """
        work = self._work(request, id)
        return self._told(self.studio.another(work, owner(request), seed))

    @_sentences()
    def stop(self, request: gr.Request, id: str) -> Answer:
        """Stops a picture at its next step; what is painted is kept.

        Args:
            id: of the picture

        Returns:
            the picture, as `state` tells of it
        """
        work = self._work(request, id)
        self.studio.stop(work)
        return self._told(work)

    @_sentences()
    def remove(self, request: gr.Request, id: str) -> Answer:
        """Deletes a picture and its files.

        Args:
            id: of the picture

        Returns:
            its id
        """
        work = self._work(request, id)
        self.studio.remove(work)
        return {"id": work.id, "state": "removed"}

    @_sentences()
    def gallery(self, request: gr.Request) -> list[dict[str, Any]]:
        """Lists all pictures that you may see, the newest first.

        Returns:
            each as `state` tells of it
        """
        return [self._told(work) for work in self.studio.works(owner(request))]

    def _work(self, request: gr.Request, id: str) -> Work:
        return self.studio.work(str(id), owner(request))

    def _image(self, given: Any) -> tuple[Photo, str]:
        if not isinstance(given, Mapping) or not isinstance(given.get("path"), str):
            raise BadRequest("there is no image; upload one, and name what that returns")
        name = given.get("orig_name")
        return sent(self.uploads, given["path"], name if isinstance(name, str) else None)

    def _told(self, work: Work) -> Answer:
        """A picture as JSON."""
        status, record, below = self.studio.status(work), work.record, f"/works/{work.id}"
        width, height = work.size
        return {
            "id": work.id,
            "state": status.state,
            "words": status.words,
            "position": status.position,
            "progress": None if status.progress is None else asdict(status.progress),
            "made": record.made,
            "seconds": record.seconds,
            "width": width,
            "height": height,
            "layers": list(work.layers),
            "files": {kind: f"{below}/download/{kind}" for kind in KINDS if work.picture.exists()},
            "settings": dict(record.settings),
        }


def arguments(options: Any) -> dict[str, Any]:
    """Those of a `Request`, of what a program told: nothing that names a file or a machine."""
    told = {} if options is None else options
    if not isinstance(told, Mapping):
        raise BadRequest(f"options are of type {type(told).__name__}; an object is needed")
    known = {name: value for name, value in told.items() if value is not None}
    for name in known:
        if name not in Options.__annotations__:
            near = did_you_mean(name, Options.__annotations__)
            raise BadRequest(f"there is no option {name!r}; {near}")
    method, settings = known.pop("method", "demofusion"), known.pop("settings", {})
    if not isinstance(method, str) or not isinstance(settings, Mapping):
        raise BadRequest("method is a text, and its settings are an object")
    known["method"] = method_from_json({**settings, "name": method})
    if isinstance(interval := known.get("guidance_interval"), list):
        known["guidance_interval"] = tuple(interval)
    return known


def offer(api: Api, page: gr.Blocks) -> None:
    """Adds the endpoints to a page, whose own events are no part of the API."""
    unoffered(page)
    with page:
        for offered in (
            api.paint,
            api.upscale,
            api.state,
            api.watch,
            api.go_on,
            api.another,
            api.stop,
            api.remove,
            api.gallery,
        ):
            endpoint(offered, concurrency_limit=None)
        endpoint(api.plan, concurrency_limit=2)  # it computes, for seconds
