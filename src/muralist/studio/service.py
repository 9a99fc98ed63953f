"""The studio as a server: page, API, files and health behind one gate."""

import os
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles

from muralist.errors import MuralistError
from muralist.studio.gallery import NotThere
from muralist.studio.gate import Gate
from muralist.studio.sheets import Sheet, sheet
from muralist.studio.studio import Busy, Studio
from muralist.studio.uploads import emptied
from muralist.studio.work import Work
from muralist.version import __version__

__all__ = ["application", "serving"]

_HEAD = '<script src="/static/api.js" defer></script>'
_MULTIPART = 2**16  # bytes around the files of an upload
_HOUR = 3600  # seconds
_GRACE = 1  # second that open connections are given at the end


@contextmanager
def serving(
    studio: Studio, at: socket.socket, accounts: Mapping[str, str]
) -> Iterator[threading.Thread]:
    """Paints and serves until it is left; gives the thread that serves.

    At the end nothing more is taken, the step that is computed ends, and its canvas is kept.
    """
    config = uvicorn.Config(
        lambda: application(studio, accounts),
        factory=True,
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([at],), name="service", daemon=True)
    studio.painter.start()
    thread.start()
    try:
        while not server.started:
            if not thread.is_alive():
                raise MuralistError("the server did not start; its log says why")
            time.sleep(0.02)
        yield thread
    finally:
        try:
            studio.painter.close()  # health says so meanwhile
        finally:
            server.should_exit = True
        thread.join()
        emptied(_uploads(studio))


def application(studio: Studio, accounts: Mapping[str, str]) -> FastAPI:
    """Page, API, files and health. Without accounts, nobody has to log in.

    To be called where a loop of events runs: elsewhere Gradio makes others, and leaves them open.
    """
    uploads = emptied(_uploads(studio))
    _quiet(uploads)
    import gradio as gr

    from muralist.studio.api import Api, offer
    from muralist.studio.files import STATIC, routes
    from muralist.studio.gradio_holds import closed, mounted
    from muralist.studio.page import CSS, HEAD, THEME, page
    from muralist.studio.sheet_files import sheet_routes

    blocks = page(studio)
    offer(Api(studio, uploads), blocks)
    blocks.delete_cache = (_HOUR, _HOUR)

    app = FastAPI(title="muralist", docs_url=None, redoc_url=None, openapi_url=None)
    who = _visitors(app)

    def work(id: str, request: Request) -> Work:
        return studio.work(id, who(request) or "")

    def seen(id: str, request: Request) -> Sheet:
        return sheet(studio, id, who(request) or "")

    app.include_router(routes(work))
    app.include_router(sheet_routes(studio, seen))
    _offer_files(app, STATIC)
    app.add_api_route("/health", lambda: _health(studio), methods=["GET"])
    app.add_exception_handler(MuralistError, _refused)
    gr.mount_gradio_app(
        app,
        blocks,
        path="/",
        auth=list(accounts.items()) or None,
        max_file_size=studio.limits.upload * 2**20,
        show_error=False,  # but for what is raised for people to read
        footer_links=["api"],
        run_history=False,
        ssr_mode=False,
        mcp_server=False,
        enable_monitoring=False,
        pwa=False,
        theme=THEME,
        css=CSS,
        head=HEAD + _HEAD,
    )
    closed(blocks)
    app.state.gradio = mounted(app)
    app.add_middleware(
        Gate,  # type: ignore[arg-type]
        who=who,
        local=not accounts,
        upload=studio.limits.upload * 2**20 + _MULTIPART,
    )
    return app


def _offer_files(app: FastAPI, folder: Path) -> None:
    """Serves what is in a folder as `/static/...`, beside what Gradio has under that name."""
    files = StaticFiles(directory=folder)
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            name = path.relative_to(folder).as_posix()
            app.add_route(f"/static/{name}", _file(files, name), include_in_schema=False)


def _file(files: StaticFiles, name: str) -> Callable[[Request], Awaitable[Response]]:
    async def answered(request: Request) -> Response:
        return await files.get_response(name, request.scope)

    return answered


def _visitors(app: FastAPI) -> Callable[[Request], str | None]:
    """Tells whose login a request carries, by the cookies of Gradio's own; nobody's is None."""
    from muralist.studio.gradio_holds import name_of

    def who(request: Request) -> str | None:
        return name_of(app.state.gradio, request.cookies)

    return who


def _health(studio: Studio) -> JSONResponse:
    painter = studio.painter
    content = {
        "status": "closing" if painter.closing else "ok",
        "version": __version__,
        "painting": painter.painted is not None,
        "waiting": len(painter.line),
    }
    return JSONResponse(content, 503 if painter.closing else 200)


def _refused(_: Request, error: Exception) -> JSONResponse:
    status = 404 if isinstance(error, NotThere) else 503 if isinstance(error, Busy) else 400
    return JSONResponse({"detail": str(error)}, status)


def _uploads(studio: Studio) -> Path:
    return studio.gallery.folder / "uploads"


def _quiet(uploads: Path) -> None:
    """Keeps Gradio from telling anybody that it runs, and from writing anywhere else."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ["GRADIO_TEMP_DIR"] = str(uploads)
