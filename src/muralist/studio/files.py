"""A work's files over HTTP. What an address names is looked up, and never made a path of."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TypeAlias, TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi import Path as InPath
from fastapi.responses import FileResponse

from muralist.errors import BadRequest
from muralist.studio import why
from muralist.studio.deepzoom import Pyramid
from muralist.studio.drawn import drawn
from muralist.studio.export import KINDS, Kind, exported, ready
from muralist.studio.scene import version
from muralist.studio.work import Work

__all__ = ["HEAD", "STATIC", "routes"]

STATIC = Path(__file__).parent / "static"  # to be served as /static
HEAD = """\
<link rel="stylesheet" href="/static/viewer.css">
<script src="/static/viewer.js"></script>
"""

Number: TypeAlias = Annotated[int, InPath(ge=0, lt=2**31)]

T = TypeVar("T")

_YEAR = 365 * 24 * 3600


def routes(work: Callable[..., Work]) -> APIRouter:
    """Tiles, previews, views, reasons and downloads of works, below `/works/{id}`.

    `work` is a dependency of FastAPI's: the work of `id` that the asker may see, or an
    `HTTPException` of 404. Whatever goes wrong is a sentence in JSON.

    What is asked for by its version (`?v=`, see `scene.version`) may be kept for good; of all else
    browsers ask whether it has changed.
    """
    router, exporting = APIRouter(prefix="/works/{id}"), CapacityLimiter(1)

    @router.get("/{layer}.dzi")
    def descriptor(asked: Request, layer: str, seen: Annotated[Work, Depends(work)]) -> Response:
        """What a Deep Zoom viewer opens."""
        path = _layer(seen, layer)
        return _kept(asked, path, lambda: _xml(Pyramid(path).dzi()))

    @router.get("/{layer}_files/{level}/{column}_{row}.jpg")
    def tile(
        asked: Request,
        layer: str,
        level: Number,
        column: Number,
        row: Number,
        seen: Annotated[Work, Depends(work)],
    ) -> Response:
        """512 by 512 pixels of a picture, at one of its levels."""
        path = _layer(seen, layer)
        return _kept(asked, path, lambda: _jpeg(Pyramid(path).tile(level, column, row)))

    @router.get("/preview.jpg")
    def preview(asked: Request, seen: Annotated[Work, Depends(work)]) -> Response:
        """How it looks while it is painted."""
        return _kept(asked, seen.preview, lambda: _jpeg(seen.preview.read_bytes()))

    @router.get("/thumbnail.jpg")
    def thumbnail(asked: Request, seen: Annotated[Work, Depends(work)]) -> Response:
        """How it looks in small."""
        return _kept(asked, seen.thumbnail, lambda: _jpeg(seen.thumbnail.read_bytes()))

    @router.get("/views")
    def views(stage: int, step: int, seen: Annotated[Work, Depends(work)]) -> dict[str, Any]:
        """What a step looks at, as shapes."""
        with _said(422):
            return drawn(seen.request, stage, step)

    @router.get("/why/{stage}")
    def reasons(stage: Number, seen: Annotated[Work, Depends(work)]) -> dict[str, Any]:
        """Which words there are maps of, and what each view was asked with."""
        return _there(why.read(seen, stage))

    @router.get("/why/{stage}/{number}.png")
    def heat(
        asked: Request, stage: Number, number: Number, seen: Annotated[Work, Depends(work)]
    ) -> Response:
        """Where a word is looked at."""
        path = _there(why.map_file(seen, stage, number))
        return _kept(asked, path, lambda: Response(path.read_bytes(), media_type="image/png"))

    @router.get("/download/{kind}")
    async def download(
        kind: Kind, seen: Annotated[Work, Depends(work)], layer: str = "picture"
    ) -> Response:
        """The finished picture, or another layer, as a PNG, a TIFF, or a zip of Deep Zoom tiles."""
        picture = _layer(seen, layer)
        with _said(507):  # one is written at a time; whoever waits holds no thread
            file = await to_thread.run_sync(ready, picture, kind)
            if file is None:
                file = await to_thread.run_sync(exported, picture, kind, limiter=exporting)
            return FileResponse(
                file,
                media_type=KINDS[kind].media,
                filename=_title(seen, layer) + file.suffix,
                headers={"Cache-Control": "private, no-cache"},
            )

    return router


def _layer(work: Work, name: str) -> Path:
    return _there(work.layers.get(name))


def _there(found: T | None) -> T:
    if found is None:
        raise HTTPException(404, "there is nothing of that name")
    return found


def _kept(asked: Request, path: Path, make: Callable[[], Response]) -> Response:
    """An answer made of a file, or that the asker has it already."""
    with _said(404):
        now = version(path)
        tag = f'"{now}"'
        known = asked.headers.get("If-None-Match") == tag
        response = Response(status_code=304) if known else make()
    for_good = asked.query_params.get("v") == now
    keep = f"max-age={_YEAR}, immutable" if for_good else "no-cache"
    response.headers.update({"ETag": tag, "Cache-Control": f"private, {keep}"})
    return response


@contextmanager
def _said(status: int) -> Iterator[None]:
    """What was asked amiss as an answer of that status; a file that is gone as 404."""
    try:
        yield
    except FileNotFoundError as error:
        raise HTTPException(404, "it is not there") from error
    except BadRequest as error:
        raise HTTPException(status, str(error)) from error
    except OSError as error:  # the system's own say where, which is nobody's business
        raise HTTPException(status, error.strerror or str(error)) from error


def _xml(text: str) -> Response:
    return Response(text, media_type="application/xml")


def _jpeg(data: bytes) -> Response:
    return Response(data, media_type="image/jpeg")


def _title(work: Work, layer: str) -> str:
    """A file name of the prompt's first words, in letters of any script."""
    words = (
        "-".join(re.findall(r"\w+", work.record.settings["prompt"]))[:60].strip("-_") or "picture"
    )
    return words if layer == "picture" else f"{words}-{layer}"
