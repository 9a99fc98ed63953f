"""Ending the studio, and going on: by Ctrl-C, by SIGTERM, by kill -9, with people still there."""

import signal
import threading
import time

import httpx
import numpy as np
import pytest
import pyvips

import muralist
from muralist.studio.work import Work
from tests.laws.parts import painted
from tests.studio.servers import LONG, TOY, Process, serve, visitor
from tests.studio.studios import until


def reached(here, id: str, stage: int, step: int) -> None:
    """Waits until a picture has come so far."""

    def far() -> bool:
        told = here.ask("state", id=id)
        assert told["state"] in ("queued", "painting"), told
        now = told["progress"] or {"stage": 0, "step": 0}
        return (now["stage"], now["step"]) >= (stage, step)

    until(far)


@pytest.mark.slow
def test_whatever_ends_it_the_picture_is_the_one_that_nothing_interrupts(tmp_path):
    gallery = tmp_path / "gallery"
    with Process(gallery) as studio, visitor(studio.url) as here:
        first = here.ask("paint", prompt="a wave", options=LONG)["id"]
        second = here.ask("paint", prompt="a dune", options=TOY)["id"]
        reached(here, first, 2, 20)
        code, said = studio.end(signal.SIGINT)
        assert code == 130
        assert "Traceback" not in said
    kept = Work.read(gallery / first)
    assert kept.record.state == "queued"
    assert kept.reached >= (1, 20)  # the canvas, not the last stage alone

    with Process(gallery) as studio, visitor(studio.url) as here:  # goes on by itself
        assert {each["id"] for each in here.ask("gallery")} == {first, second}
        reached(here, first, 2, 21)
        studio.end(signal.SIGKILL)

    with Process(gallery) as studio, visitor(studio.url) as here:
        done = {"a wave": here.done(first), "a dune": here.done(second)}
        code, said = studio.end(signal.SIGTERM)
        assert (code, said.count("Traceback")) == (0, 0)
    assert not list((gallery / "uploads").iterdir())
    for prompt, asked in {"a wave": LONG, "a dune": TOY}.items():
        file = gallery / done[prompt]["id"] / "picture.tif"
        there = pyvips.Image.new_from_file(str(file)).numpy()
        request = muralist.Request(prompt=prompt, **asked)
        assert np.array_equal(there, painted(request).pixels)


@pytest.mark.slow
def test_a_second_ctrl_c_ends_it_at_once(tmp_path):
    stuck = """
import time
from muralist.studio.painter import Painter
Painter.close = lambda *_: time.sleep(600)"""
    with Process(tmp_path / "gallery", before=stuck) as studio:
        studio.send(signal.SIGINT)
        studio.says("the step that is computed ends first")  # two at once would be one
        code, _ = studio.end(signal.SIGINT)
        assert code == 130


def test_open_pages_do_not_hold_it_up(tmp_path):
    """A browser keeps two streams open; a program may watch a picture."""
    listening, ended = threading.Barrier(4), []

    def listen(url: str, path: str) -> None:
        with (
            httpx.Client(base_url=url, timeout=60) as http,
            http.stream("GET", path) as stream,
        ):
            lines = stream.iter_lines()
            next(lines)
            listening.wait()
            try:
                for _ in lines:
                    pass
            except httpx.HTTPError:
                pass
            ended.append(path)

    with serve(tmp_path) as server, visitor(server.url) as here:
        id = here.ask("paint", prompt="a", options=LONG)["id"]
        events = [
            here.http.post("/gradio_api/call/v2/watch", json={"id": id}).json()["event_id"]
            for _ in range(2)
        ]
        paths = [f"/gradio_api/call/watch/{event}" for event in events]
        paths.append("/gradio_api/heartbeat/abc")
        threads = [threading.Thread(target=listen, args=(server.url, path)) for path in paths]
        for thread in threads:
            thread.start()
        listening.wait()
        began = time.monotonic()
    assert time.monotonic() - began < 10
    for thread in threads:
        thread.join(10)
    assert set(ended) == set(paths)


def test_while_it_closes_nothing_is_taken_and_health_says_so(tmp_path, monkeypatch):
    """Whoever asks in the last moment hears why, and what was asked before is kept."""
    from muralist.studio.painter import Painter

    close, seen = Painter.close, []
    with serve(tmp_path) as server, visitor(server.url) as here:

        def looked_at(self, seconds=None):
            close(self, seconds)
            with visitor(server.url) as late:
                seen.append((late.http.get("/health").status_code, late.ask("gallery")))

        monkeypatch.setattr(Painter, "close", looked_at)
        kept = here.ask("paint", prompt="a", options=TOY)["id"]
    ((status, there),) = seen
    assert status == 503
    assert [each["id"] for each in there] == [kept]
    with serve(tmp_path) as server, visitor(server.url) as here:
        here.done(kept)
