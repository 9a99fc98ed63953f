"""The service: health, limits, nothing asked of others, nothing written elsewhere."""

import re
import socket
import tempfile
from contextlib import closing
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from muralist.studio.studio import Limits
from tests.studio.servers import TOY, Refused, serve, visitor

TRAVERSALS = (
    "../work.json",
    "..%2fwork.json",
    "%2e%2e/work.json",
    "....//work.json",
    "..%5cwork.json",
    "%2fetc%2fpasswd",
    "/etc/passwd",
    "work.json",
    "job/job.json",
    "job%2fjob.json",
    "start.png%00.jpg",
)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serve(tmp_path_factory.mktemp("studio"), limits=Limits(upload=1)) as server:
        yield server


@pytest.fixture
def here(server):
    with visitor(server.url) as somebody:
        yield somebody


def png(width: int = 16, height: int = 16) -> bytes:
    with tempfile.TemporaryFile() as file:
        noise = np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8)
        Image.fromarray(noise).save(file, "PNG")
        file.seek(0)
        return file.read()


def uploaded(here, content: bytes, name: str) -> dict:
    answer = here.http.post("/gradio_api/upload", files={"files": (name, content)})
    answer.raise_for_status()
    return {"path": answer.json()[0], "orig_name": name, "meta": {"_type": "gradio.FileData"}}


def test_health_tells_whether_it_paints_and_nothing_of_what(server, here):
    answer = here.http.get("/health")
    assert answer.status_code == 200
    assert set(answer.json()) == {"status", "version", "painting", "waiting"}
    assert answer.json()["status"] == "ok"


def test_health_says_503_once_the_painter_takes_nothing_more(tmp_path):
    with serve(tmp_path) as server, visitor(server.url) as here:
        server.studio.painter.close()
        answer = here.http.get("/health")
        assert (answer.status_code, answer.json()["status"]) == (503, "closing")
        with pytest.raises(Refused, match="closing"):
            here.ask("paint", prompt="a", options=TOY)


@pytest.fixture
def looked_up(monkeypatch) -> list[str]:
    """The names that were looked up; there are no others than this machine's."""
    names, real = [], socket.getaddrinfo

    def listed(host, *more, **named):
        names.append(host)
        if host != "127.0.0.1":
            raise OSError("there is nobody of that name")
        return real(host, *more, **named)

    monkeypatch.setattr(socket, "getaddrinfo", listed)
    return names


def test_nothing_but_this_machine_is_looked_up(tmp_path, looked_up, monkeypatch):
    connected, connect = [], socket.socket.connect

    def noted(self, where):
        connected.append(where)
        return connect(self, where)

    monkeypatch.setattr(socket.socket, "connect", noted)
    with serve(tmp_path) as server, visitor(server.url) as here:
        page = here.http.get("/").text
        for link in set(re.findall(r"(?:src|href)=\"\.?(/?[^\":]+)\"", page)):
            here.http.get(f"/{link.lstrip('/')}")
        here.http.get("/config")
        here.done(here.ask("paint", prompt="a", options=TOY)["id"])
    assert set(looked_up) == {"127.0.0.1"}
    assert {where[0] for where in connected if isinstance(where, tuple)} == {"127.0.0.1"}


def test_nothing_is_fetched_for_somebody_who_names_an_address(here, looked_up):
    image = {"path": "http://example.com/a.png", "meta": {"_type": "gradio.FileData"}}
    with pytest.raises(Refused, match="nothing is fetched from http"):
        here.ask("upscale", image=image)
    for address in ("file=http://example.com/a", "file/http://example.com/a", "proxy=http://a.b"):
        assert here.http.get(f"/gradio_api/{address}").status_code == 404
    assert set(looked_up) == {"127.0.0.1"}


def test_the_page_names_no_other_server_to_ask(here):
    """A browser is told to ask nobody else, too."""
    answer = here.http.get("/")
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    asks = r"<(?:script|link|img|iframe)[^>]+(?:src|href)=\"(?:https?:)?//"
    assert not re.findall(asks, answer.text)


def test_nothing_is_written_but_in_the_gallery(tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    monkeypatch.setattr(tempfile, "tempdir", str(elsewhere))
    with serve(tmp_path) as server, visitor(server.url) as here:
        image = uploaded(here, png(), "a.png")
        assert Path(image["path"]).is_relative_to(server.uploads)
        here.done(here.ask("upscale", image=image, prompt="a", options=dict(TOY))["id"])
    assert not list(elsewhere.iterdir())
    assert not list(server.uploads.iterdir())


def test_an_upload_beyond_the_limit_is_refused_with_413(here):
    answer = here.http.post("/gradio_api/upload", files={"files": ("a.png", bytes(2**20 + 1))})
    assert answer.status_code == 413
    answer = here.http.post("/gradio_api/upload", files={"files": ("a.png", bytes(2**21))})
    assert answer.status_code == 413


def test_an_upload_that_hides_its_size_is_refused_with_413(here):
    about = b'Content-Disposition: form-data; name="files"; filename="a"'

    def endless():
        yield b"--x\r\n" + about + b"\r\n\r\n"
        for _ in range(40):
            yield bytes(2**16)
        yield b"\r\n--x--"

    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = here.http.post("/gradio_api/upload", content=endless(), headers=kind)
    assert answer.status_code == 413


def test_other_requests_are_words_and_so_are_small(here):
    answer = here.http.post("/gradio_api/call/v2/state", json={"id": "a" * 2**22})
    assert answer.status_code == 413


def test_what_is_no_image_is_refused_by_the_name_it_was_sent_by(server, here):
    image = uploaded(here, b"<svg xmlns='http://www.w3.org/2000/svg'/>", "drawing.png")
    with pytest.raises(Refused) as refused:
        here.ask("upscale", image=image, prompt="a", options=TOY)
    assert "drawing.png" in str(refused.value)
    assert str(server.uploads) not in str(refused.value)


def test_an_image_is_kept_as_start_npy_whatever_it_was_called(server, here):
    image = uploaded(here, png(), "../../../etc/cron.d/x.png")
    told = here.ask("upscale", image=image, prompt="a", options=TOY)
    work = server.studio.gallery.work(told["id"])
    assert (work.folder / "start.npy").exists()
    assert work.record.image_name == "x.png"


@pytest.mark.parametrize("endpoint", ["upscale", "plan", "paint", "state"])
def test_no_file_of_this_machine_is_taken_for_an_upload(server, here, tmp_path, endpoint):
    """Gradio copies what a request names into its own folder, from where it can be had."""
    secret = tmp_path / "secret.png"
    secret.write_bytes(png())
    named = {"path": str(secret), "meta": {"_type": "gradio.FileData"}}
    told = {
        "upscale": {"image": named},
        "plan": {"image": named},
        "paint": {"prompt": "a", "options": {"settings": named}},
        "state": {"id": named},
    }[endpoint]
    before = set(server.uploads.rglob("*.png"))
    with pytest.raises(Refused):
        here.ask(endpoint, **told)
    assert set(server.uploads.rglob("*.png")) == before


def test_no_file_of_the_gallery_is_taken_for_an_upload(server, here):
    done = here.done(here.ask("paint", prompt="a", options=TOY)["id"])
    inside = server.studio.gallery.work(done["id"]).picture
    for path in (str(inside), f"{server.uploads}/../{done['id']}/picture.tif"):
        with pytest.raises(Refused):
            here.ask("upscale", image={"path": path, "meta": {"_type": "gradio.FileData"}})


@pytest.mark.parametrize("path", TRAVERSALS)
@pytest.mark.parametrize(
    "below", ["/static", "/assets", "/svelte", "/gradio_api/file=", "/works", "/works/{id}"]
)
def test_no_address_leads_out_of_what_is_served(server, here, below, path):
    done = server.studio.works("")[-1].id if server.studio.works("") else "0" * 16
    slash = "" if below.endswith("=") else "/"
    answer = raw(server.url, f"{below.replace('{id}', done)}{slash}{path}")
    assert 400 <= answer.status_code < 500
    assert b"root:" not in answer.content and b'"owner"' not in answer.content


@pytest.mark.parametrize("file", ["work.json", "job/job.json", "../rates.json"])
def test_files_of_the_gallery_are_not_to_be_had_by_their_paths(server, here, file):
    done = here.done(here.ask("paint", prompt="a", options=TOY)["id"])
    path = server.studio.gallery.folder / done["id"] / file
    for address in (f"/gradio_api/file={path}", f"/gradio_api/file/{path}"):
        assert raw(server.url, address).status_code in (403, 404)


def raw(url: str, path: str) -> httpx.Response:
    """An address that is sent as it is: clients would tidy it up first."""
    host, port = url.removeprefix("http://").split(":")
    with closing(socket.create_connection((host, int(port)))) as line:
        line.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        received = b""
        while chunk := line.recv(2**16):
            received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    return httpx.Response(int(head.split()[1]), content=body)


def test_what_goes_wrong_says_nothing_of_the_program(server, here, monkeypatch):
    def broken(*_):
        raise RuntimeError("/root/secret")

    monkeypatch.setattr(type(server.studio), "works", broken)
    with pytest.raises(Refused) as refused:
        here.ask("gallery")
    assert "secret" not in str(refused.value)


def test_routes_of_works_answer_with_a_sentence(here):
    answer = here.http.get("/works/0123456789abcdef/picture.dzi")
    assert answer.status_code == 404
    assert answer.json() == {"detail": "there is no such picture in the gallery"}


def test_gradios_own_files_are_served_beside_the_viewers(server, here):
    page = here.http.get("/").text
    script = re.search(r'src="\.?(/assets/[^"]+\.js)"', page)
    assert here.http.get(script[1]).status_code == 200
    viewer = here.http.get("/static/viewer.js")
    assert viewer.status_code == 200
    again = here.http.get("/static/viewer.js", headers={"If-None-Match": viewer.headers["etag"]})
    assert again.status_code == 304
