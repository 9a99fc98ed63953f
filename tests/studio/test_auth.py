"""Who may come in: logins, strangers, other sites, and people who guess."""

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from traceback import format_exception

import httpx
import pytest
from fastapi import FastAPI
from starlette.routing import BaseRoute

from muralist.errors import BadRequest
from muralist.studio.accounts import accounts
from muralist.studio.attempts import Attempts
from muralist.studio.gate import OPEN, OPEN_BELOW
from muralist.studio.service import application
from tests.studio.servers import TOY, Refused, serve, visitor

KNOWN = {"ann": "sea", "bob": "sun: and moon"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serve(tmp_path_factory.mktemp("studio"), KNOWN) as server:
        yield server


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """A studio where nobody has to log in."""
    with serve(tmp_path_factory.mktemp("alone")) as server:
        yield server


@pytest.fixture
def stranger(server):
    with visitor(server.url) as somebody:
        yield somebody.http


@pytest.fixture
def ann(server):
    with visitor(server.url, "ann", KNOWN["ann"]) as somebody:
        yield somebody


def every_route(app: FastAPI, below: str = "") -> set[tuple[str, str]]:
    """Method and path of all there is in an app, and in what is mounted in it."""

    def walk(routes: list[BaseRoute], below: str) -> None:
        for route in routes:
            path = below + str(getattr(route, "path", ""))
            for method in getattr(route, "methods", None) or ():
                found.add((method, path))
            inner = getattr(route, "original_router", None) or getattr(route, "app", None)
            walk(getattr(inner, "routes", []), below if inner is None else path.rstrip("/"))

    found: set[tuple[str, str]] = set()
    walk(app.routes, below)
    return found


def built(server) -> FastAPI:
    """The app of a server once more, made where a loop of events runs."""

    async def made() -> FastAPI:
        return application(server.studio, KNOWN)

    with ThreadPoolExecutor(1) as thread:  # a browser of other tests may have one in this thread
        return thread.submit(asyncio.run, made()).result()


def test_a_stranger_sees_the_login_and_health_and_nothing_else(server, stranger):
    routes = every_route(built(server))
    assert {"/gradio_api/upload", "/works/{id}/{layer}.dzi", "/health"} <= {at for _, at in routes}
    opened = set()
    for method, path in sorted(routes):
        answer = stranger.request(method, re.sub(r"{[^}]*}", "1", path))
        if answer.status_code not in (401, 404) or path.startswith(OPEN_BELOW):
            opened.add(path)
    assert {path for path in opened if not path.startswith(OPEN_BELOW)} <= OPEN


def test_the_page_with_the_login_tells_nothing_of_what_is_behind_it(server, stranger, ann):
    ann.ask("paint", prompt="a zebra", options=TOY)
    page = stranger.get("/").text
    assert "auth_required" in page
    for behind in ("zebra", "ann", "shapes", str(server.uploads)):
        assert behind not in page


def test_gradios_own_client_logs_in(server):
    from gradio_client import Client

    client = Client(server.url, auth=("ann", KNOWN["ann"]), verbose=False)
    assert isinstance(client.predict(api_name="/gallery"), list)
    client.close()


@pytest.mark.parametrize(
    ("name", "password"), [("ann", "sun"), ("eve", "sea"), ("", ""), ("ann", ""), ("bob", "sun")]
)
def test_wrong_logins_stay_outside(server, name, password):
    with client(server, f"10.0.0.{len(name + password)}") as http:
        assert http.post("/login", data={"username": name, "password": password}).is_error
        assert http.get("/config").status_code == 401


def client(server, address: str) -> httpx.Client:
    """Somebody elsewhere, behind a proxy on this machine."""
    return httpx.Client(base_url=server.url, headers={"X-Forwarded-For": address})


def test_who_guesses_is_not_heard_for_a_while_and_others_are(server):
    right = {"username": "ann", "password": KNOWN["ann"]}
    with client(server, "10.1.1.1") as http:
        for number in range(Attempts().most):
            answer = http.post("/login", data={"username": "ann", "password": f"{number}"})
            assert answer.status_code == 400
        assert http.post("/login", data=right).status_code == 429
        assert "too many" in http.post("/login/", data=right).json()["detail"]
    with client(server, "10.1.1.2") as http:
        assert http.post("/login", data=right).status_code == 200


def test_who_knows_a_password_guesses_no_more_often_than_others(server):
    right, wrong = ({"username": "ann", "password": each} for each in (KNOWN["ann"], "a guess"))
    with client(server, "10.1.1.5") as http:
        for _ in range(Attempts().most - 1):
            assert http.post("/login", data=wrong).status_code == 400
        assert http.post("/login", data=right).status_code == 200
        assert http.post("/login", data=wrong).status_code == 400
        assert http.post("/login", data=wrong).status_code == 429


def test_many_who_know_their_passwords_may_come_from_one_address_at_once(server):
    right = {"username": "ann", "password": KNOWN["ann"]}

    def come(_: int) -> int:
        with client(server, "10.1.1.3") as http:
            return http.post("/login", data=right).status_code

    with ThreadPoolExecutor(3 * Attempts().most) as people:
        assert set(people.map(come, range(3 * Attempts().most))) == {200}


def test_many_guesses_at_once_are_no_more_than_one_after_another(server):
    def guess(number: int) -> int:
        with client(server, "10.1.1.4") as http:
            wrong = {"username": "ann", "password": f"{number}"}
            return http.post("/login", data=wrong).status_code

    with ThreadPoolExecutor(3 * Attempts().most) as people:
        answers = list(people.map(guess, range(3 * Attempts().most)))
    assert answers.count(400) == Attempts().most
    assert answers.count(429) == 2 * Attempts().most


def test_attempts_come_back_with_time():
    now = [0.0]
    attempts = Attempts(most=2, seconds=10, clock=lambda: now[0])
    for now[0] in (0.0, 5.0):
        assert attempts.heard("a")
        attempts.wrong("a")
    assert (attempts.heard("a"), attempts.heard("b")) == (False, True)
    now[0] = 10.1  # the first is forgotten
    assert attempts.heard("a")
    attempts.wrong("a")
    assert not attempts.heard("a")


def test_after_logging_out_the_door_is_shut(server):
    with visitor(server.url, "ann", KNOWN["ann"]) as somebody:
        assert somebody.http.get("/config").status_code == 200
        somebody.http.get("/logout")
        assert somebody.http.get("/config").status_code == 401


def test_pictures_and_files_of_others_are_as_if_they_were_not(server, ann):
    id = ann.ask("paint", prompt="a", options=TOY)["id"]
    ann.done(id)
    files = [f"/works/{id}/picture.dzi", f"/works/{id}/thumbnail.jpg"]
    assert [ann.http.get(file).status_code for file in files] == [200, 200]
    with visitor(server.url, "bob", KNOWN["bob"]) as bob:
        assert id not in [told["id"] for told in bob.ask("gallery")]
        assert [bob.http.get(file).status_code for file in files] == [404, 404]
        for endpoint in ("state", "watch", "go_on", "stop", "remove"):
            with pytest.raises(Refused, match="no such picture"):
                bob.ask(endpoint, id=id)
        with pytest.raises(Refused, match="no such picture"):
            bob.ask("another", id=id, seed=1)
    assert ann.ask("state", id=id)["state"] == "done"


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost.evil.example"]
)
def test_other_sites_cannot_ask_for_anything(alone, origin):
    with visitor(alone.url) as somebody:
        heads = {"Origin": origin}
        answer = somebody.http.post("/gradio_api/call/v2/gallery", json={}, headers=heads)
        assert answer.status_code == 403
        assert somebody.http.get("/config", headers=heads).status_code == 403


def test_other_sites_can_link_to_the_page_and_no_more(alone):
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    load = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
    with visitor(alone.url) as somebody:
        assert somebody.http.get("/", headers=link).status_code == 200
        assert somebody.http.get("/works/1/picture.dzi", headers=load).status_code == 403
        assert somebody.http.post("/gradio_api/upload", headers=link).status_code == 403
        assert somebody.http.get("/", headers={"Origin": alone.url}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:7860", "", "[::1", "192.168.0.7"])
def test_a_studio_without_logins_goes_by_local_names_only(alone, host):
    """Else a site could give itself this machine's address, and be one site with the studio."""
    with visitor(alone.url) as somebody:
        assert somebody.http.get("/", headers={"Host": host}).status_code == 403


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:80", "127.0.0.1", "[::1]:7860"])
def test_local_names_are_heard(alone, host):
    with visitor(alone.url) as somebody:
        assert somebody.http.get("/health", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/monitoring",
        "/gradio_api/deep_link",
        "/gradio_api/file=https://example.com/x.png",
        "/gradio_api/proxy=https://example.com",
        "/gradio_api/vibe-code",
        "/gradio_api/runs",
    ],
)
def test_what_gradio_has_beside_is_not_there(alone, path):
    with visitor(alone.url) as somebody:
        assert somebody.http.get(path).status_code == 404


def test_accounts_are_words_and_lines_of_files(tmp_path):
    file = tmp_path / "people"
    file.write_text("# who paints\n\nbob: a: b\n eve :#1\n")
    assert accounts(["ann:sea", str(file)]) == {"ann": "sea", "bob": " a: b", "eve": "#1"}


def test_passwords_may_be_longer_than_names_of_files():
    long = "secret" * 1000
    assert accounts([f"ann:{long}", "bob:a\0b"]) == {"ann": long, "bob": "a\0b"}


def test_a_word_that_is_no_account_is_not_told_by_what_went_wrong_with_it_either(tmp_path):
    (tmp_path / "people").write_bytes(b"ann:secret\xff")
    for word in ("secret" * 1000, str(tmp_path / "people")):
        with pytest.raises(BadRequest) as refused:
            accounts([word])
        assert "secret" not in "".join(format_exception(refused.value, chain=True))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["ann"], "neither NAME:PASSWORD nor"),
        (["ann:"], "number 1 is not NAME:PASSWORD"),
        (["ann:sea", ":secret"], "number 2 is not NAME:PASSWORD"),
        (["ann:sea", "ann:secret"], "ann is given twice"),
        (["a\nb:secret"], "64 letters"),
        ([f"{'a' * 65}:secret"], "64 letters"),
        (["empty"], "holds no account"),
        (["broken"], "line 2 of broken is not NAME:PASSWORD"),
    ],
)
def test_what_is_no_account_is_refused_and_no_password_is_told(given, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").write_text("# nobody\n")
    (tmp_path / "broken").write_text("ann:sea\nsecret\n")
    with pytest.raises(BadRequest, match=said) as refused:
        accounts(given)
    assert "secret" not in str(refused.value)
