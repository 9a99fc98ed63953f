"""A studio that listens, in this process or in one of its own, and those who come to it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import httpx

from muralist.studio.gallery import Gallery
from muralist.studio.listening import address, listening
from muralist.studio.painter import Means, Painter
from muralist.studio.studio import Limits, Studio

__all__ = ["LONG", "TOY", "Process", "Refused", "Server", "Visitor", "serve", "visitor"]

TOY = {"model": "toy", "width": 32, "height": 32, "num_inference_steps": 3}
LONG = {**TOY, "num_inference_steps": 300, "width": 48, "height": 48}  # some seconds
PATIENCE = 60.0  # seconds, the longest that anything here takes


@dataclass(frozen=True)
class Server:
    """What listens."""

    url: str
    studio: Studio
    uploads: Path


@contextmanager
def serve(
    folder: Path, accounts: Mapping[str, str] | None = None, limits: Limits | None = None
) -> Iterator[Server]:
    """A studio in this process, at any port that is free."""
    from muralist.studio.service import serving

    known = accounts or {}
    with (
        mock.patch.dict(os.environ),  # where Gradio keeps uploads
        listening("127.0.0.1", 0, login=False) as at,
        closing(Gallery(folder / "gallery")) as gallery,
    ):
        painter = Painter(gallery, Means())
        studio = Studio(gallery, painter, ("shapes", "toy"), limits or Limits(), bool(known))
        with serving(studio, at, known):
            yield Server(address(at), studio, gallery.folder / "uploads")


@dataclass(frozen=True)
class Visitor:
    """A program that asks, by HTTP alone."""

    http: httpx.Client

    def ask(self, endpoint: str, **told: Any) -> Any:
        """The last answer of an endpoint; raises `Refused` with the sentence of an error."""
        return self.answers(endpoint, **told)[-1]

    def answers(self, endpoint: str, **told: Any) -> list[Any]:
        """All answers of an endpoint."""
        begun = self.http.post(f"/gradio_api/call/v2/{endpoint}", json=told)
        begun.raise_for_status()
        events = self.http.get(f"/gradio_api/call/{endpoint}/{begun.json()['event_id']}")
        return list(_answers(events.text))

    def done(self, id: str) -> dict[str, Any]:
        """Waits for a picture."""
        told = self.ask("watch", id=id)
        assert told["state"] == "done", told
        return told


class Refused(Exception):
    """What an endpoint said instead of an answer."""


def _answers(text: str) -> Iterator[Any]:
    for block in text.strip().split("\n\n"):
        event, data = (line.partition(": ")[2] for line in block.strip().splitlines())
        if event == "error":
            raise Refused(json.loads(data)["error"])
        if event in ("generating", "complete"):
            yield from json.loads(data)


@contextmanager
def visitor(url: str, name: str | None = None, password: str = "") -> Iterator[Visitor]:
    """Somebody who asks, and has logged in by a name if one is given."""
    with httpx.Client(base_url=url, timeout=PATIENCE) as http:
        if name is not None:
            http.post("/login", data={"username": name, "password": password}).raise_for_status()
        yield Visitor(http)


class Process:
    """`muralist studio` in a process of its own, with the toy model; ended when it is left."""

    def __init__(self, folder: Path, *more: str, before: str = "") -> None:
        # who runs tests in the background may have it that Ctrl-C is ignored
        heard = "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)"
        code = f"{heard}\n{before}\nfrom muralist.cli import main\nmain()"
        asked = ["studio", "--port", "0", "--gallery", str(folder), "--model", "toy"]
        self._command = [sys.executable, "-c", code, *asked, *more]

    def __enter__(self) -> "Process":
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(self._command, stdout=pipe, stderr=pipe, text=True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line.startswith("http://"), self._process.communicate()
        self.line, self.url = line, line.split()[0]
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()

    def send(self, number: int) -> None:
        os.kill(self._process.pid, number)

    def says(self, words: str) -> None:
        """Waits until it says that on stderr."""
        assert self._process.stderr is not None
        assert any(words in line for line in self._process.stderr)

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """The exit code, and what was said on stderr, after a signal."""
        self.send(number)
        _, said = self._process.communicate(timeout=PATIENCE)
        return self._process.returncode, said
