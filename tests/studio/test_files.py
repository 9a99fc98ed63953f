"""What a work's addresses answer, to whom they do not, and that they lead nowhere else."""

import io
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from urllib.parse import quote
from zipfile import ZipFile

import numpy as np
import pytest
import torch
from fastapi import FastAPI, HTTPException
from fastapi.testclient import TestClient
from PIL import Image

from muralist.stage import Explanation
from muralist.studio import why
from muralist.studio.deepzoom import Pyramid
from muralist.studio.files import STATIC, routes
from muralist.studio.scene import layer
from tests.studio.works import finished, slopes, toy_request

ID = "0123456789abcdef"
BASE = f"/works/{ID}"
TILE = f"{BASE}/picture_files/9/0_0.jpg"
TEXT = "application/json"


@pytest.fixture
def work(tmp_path):
    work = finished(tmp_path / ID, stage_1=slopes(128, 128), picture=slopes(700, 512))
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "secret.tif").write_bytes(work.picture.read_bytes())
    why.keep(work, 2, Explanation(maps=[("wave", torch.linspace(0, 1, 4).reshape(2, 2))]))
    return work


@pytest.fixture
def client(work):
    def seen(id: str):
        if id != work.id:
            raise HTTPException(404, "there is no such picture")
        return work

    app = FastAPI()
    app.include_router(routes(seen))
    with TestClient(app, raise_server_exceptions=False) as client:  # one loop of events for all
        yield client


def test_tiles_are_those_of_the_pyramid(client, work):
    pyramid = Pyramid(work.picture)
    for level, column, row in pyramid.places():
        answer = client.get(f"{BASE}/picture_files/{level}/{column}_{row}.jpg")
        assert answer.content == pyramid.tile(level, column, row)
        assert answer.headers["content-type"] == "image/jpeg"
    descriptor = client.get(f"{BASE}/picture.dzi")
    assert descriptor.text == pyramid.dzi()
    assert descriptor.headers["content-type"].startswith("application/xml")


def test_what_is_kept_of_a_work_is_served(client, work):
    for path in (work.preview, work.thumbnail):
        Image.fromarray(slopes(32, 32)).save(path, "JPEG")
        answer = client.get(f"{BASE}/{path.name}")
        assert answer.content == path.read_bytes()
    told = client.get(f"{BASE}/why/2").json()
    assert told["maps"] == ["wave"]
    heat = client.get(f"{BASE}/why/2/0.png")
    with Image.open(io.BytesIO(heat.content)) as image:
        assert np.asarray(image)[[0, -1]][:, [0, -1]].tolist() == [[0, 85], [170, 255]]


def test_views_of_a_step_are_served(client):
    told = client.get(f"{BASE}/views", params={"stage": 2, "step": 1}).json()
    assert told["windows"] and told["lattices"]


@pytest.mark.parametrize(
    ("kind", "media", "ending", "begins"),
    [
        ("png", "image/png", "png", b"\x89PNG"),
        ("tiff", "image/tiff", "tif", b"II+\0"),
        ("dzi", "application/zip", "zip", b"PK"),
    ],
)
def test_a_download_has_a_name_that_says_what_it_is(client, kind, media, ending, begins):
    answer = client.get(f"{BASE}/download/{kind}")
    assert answer.status_code == 200 and answer.content.startswith(begins)
    assert answer.headers["content-type"] == media
    named = f'attachment; filename="a-wave-at-dusk.{ending}"'
    assert answer.headers["content-disposition"] == named


def test_another_layer_can_be_downloaded(client):
    answer = client.get(f"{BASE}/download/png", params={"layer": "stage-1"})
    with Image.open(io.BytesIO(answer.content)) as image:
        assert image.size == (128, 128)
    assert "a-wave-at-dusk-stage-1.png" in answer.headers["content-disposition"]
    zipped = client.get(f"{BASE}/download/dzi", params={"layer": "stage-1"}).content
    assert "picture_files/7/0_0.jpg" in ZipFile(io.BytesIO(zipped)).namelist()


def test_a_prompt_of_any_script_and_signs_makes_a_harmless_name(tmp_path):
    prompt = '../..\\猫 "x"\r\nSet-Cookie: a=b; ' + "z" * 300
    work = finished(tmp_path / ID, toy_request(prompt=prompt), picture=slopes(16, 16))
    app = FastAPI()
    app.include_router(routes(lambda: work))
    answer = TestClient(app).get(f"{BASE}/download/tiff")
    named = answer.headers["content-disposition"]
    assert quote("猫-x-Set-Cookie-a-b-") in named and "set-cookie" not in answer.headers
    assert len(named) < 200 and ".." not in named and "/" not in named


def test_what_is_there_does_not_wait_for_what_is_written(client, work, monkeypatch):
    client.get(f"{BASE}/download/png")
    began, ends = Event(), Event()
    monkeypatch.setattr(Pyramid, "places", lambda _: began.set() or (ends.wait() and []))
    with ThreadPoolExecutor(3) as people:
        writing = people.submit(client.get, f"{BASE}/download/dzi")
        assert began.wait(10)
        try:
            there = [people.submit(client.get, f"{BASE}/download/{one}") for one in ("tiff", "png")]
            assert [one.result(10).status_code for one in there] == [200, 200]
            assert not writing.done()
        finally:
            ends.set()
        assert writing.result(10).status_code == 200


def test_part_of_a_download_can_be_asked_for(client, work):
    answer = client.get(f"{BASE}/download/tiff", headers={"Range": "bytes=4-19"})
    assert answer.status_code == 206
    assert answer.content == work.picture.read_bytes()[4:20]


# --- what browsers may keep ----------------------------------------------------------------------


def test_a_tile_asked_for_by_its_version_is_kept_for_good(client, work):
    _, query = layer(work, "picture").url.split("?")
    assert "immutable" in client.get(f"{TILE}?{query}").headers["cache-control"]
    for address in (TILE, f"{TILE}?v=another"):
        assert client.get(address).headers["cache-control"] == "private, no-cache"


def test_a_browser_that_has_a_tile_is_told_so_until_the_picture_changes(client, work):
    tag = client.get(TILE).headers["etag"]
    again = client.get(TILE, headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    work.picture.touch()
    changed = client.get(TILE, headers={"If-None-Match": tag})
    assert changed.status_code == 200 and changed.headers["etag"] != tag


# --- what is not there ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "/works/fedcba9876543210/picture.dzi",
        f"{BASE}/stage-2.dzi",
        f"{BASE}/preview.jpg",
        f"{BASE}/thumbnail.jpg",
        f"{BASE}/why/1",
        f"{BASE}/why/2/1.png",
        f"{BASE}/why/99999999999",
        f"{BASE}/picture_files/11/0_0.jpg",
        f"{BASE}/picture_files/10/1_0.jpg",
        f"{BASE}/picture_files/10/0_9.jpg",
        f"{BASE}/picture_files/{10**40}/0_0.jpg",
        f"{BASE}/picture_files/-1/0_0.jpg",
        f"{BASE}/picture_files/a/0_0.jpg",
        f"{BASE}/picture_files/1/0_0.png",
        f"{BASE}/stage-2_files/0/0_0.jpg",
        f"{BASE}/views?stage=9&step=1",
        f"{BASE}/views?stage=1&step=0",
        f"{BASE}/views?stage=1",
        f"{BASE}/views?stage=x&step=1",
        f"{BASE}/download/exe",
        f"{BASE}/download/png?layer=stage-7",
        f"{BASE}/work.json",
        BASE,
    ],
)
def test_what_is_not_there_is_a_sentence_in_json(client, work, address):
    assert refused(client, work, address)


@pytest.mark.parametrize(
    "name",
    [
        "..",
        "../secret",
        "../../secret",
        "..%2fsecret",
        "%2e%2e%2fsecret",
        "%2e%2e/secret",
        "..%5csecret",
        "%252e%252e%252fsecret",
        "....//secret",
        "..;/secret",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "//etc/passwd",
        "picture%00",
        "%00",
        "picture%0d%0aSet-Cookie:a=b",
        "%c0%ae%c0%ae%c0%afsecret",
        "%u002e%u002e/secret",
        "\uff0e\uff0e\uff0fsecret",
        "\u2025/secret",
        "p\u0131cture",
        "picture%20",
        "PICTURE",
        "a" * 5000,
        "file:%2f%2f%2fetc%2fpasswd",
        "C:%5cwindows",
        ".unfinished",
        "__class__",
        "*",
        "%",
    ],
)
def test_names_that_try_to_lead_elsewhere_lead_nowhere(client, work, name):
    for address in (
        f"{BASE}/{name}.dzi",
        f"{BASE}/{name}_files/0/0_0.jpg",
        f"{BASE}/picture_files/{name}/0_0.jpg",
        f"{BASE}/picture_files/0/{name}_0.jpg",
        f"{BASE}/why/{name}",
        f"{BASE}/why/2/{name}.png",
        f"{BASE}/download/{name}",
        f"{BASE}/download/tiff?layer={name}",
        f"{BASE}/{name}",
        f"/works/{name}/picture.dzi",
        f"/works/{name}/download/tiff",
    ):
        assert refused(client, work, address), address


def refused(client: TestClient, work, address: str) -> bool:
    """Whether an address gives nothing but a short sentence that names no place of this machine."""
    answer = client.get(address, follow_redirects=False)
    assert answer.status_code in (404, 422), (address, answer.status_code)
    assert answer.headers["content-type"] == TEXT and len(answer.content) < 12_000
    text = answer.text
    return not any(word in text for word in ("Traceback", str(work.folder.parent), "secret\n"))


def test_a_picture_that_vanishes_or_breaks_is_a_sentence_too(client, work):
    pyramid_of = work.layers["picture"]
    pyramid_of.write_bytes(b"II+\0 broken")
    for address in (TILE, f"{BASE}/picture.dzi"):
        answer = client.get(address)
        assert (answer.status_code, answer.json()) == (
            404,
            {"detail": "picture.tif cannot be read"},
        )
    answer = client.get(f"{BASE}/download/png")
    assert answer.status_code == 507 and "cannot be read" in answer.json()["detail"]


def test_what_the_page_needs_is_shipped_and_asks_nobody_else():
    for name in ("openseadragon.min.js", "openseadragon.LICENSE.txt", "viewer.js", "viewer.css"):
        assert (STATIC / name).stat().st_size > 0
    for name in ("viewer.js", "viewer.css"):
        text = (STATIC / name).read_text()
        assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")
        assert "https://" not in text and "@import" not in text
