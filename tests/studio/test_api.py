"""The API: what programs ask for and are told, by Gradio's client, by curl and over plain HTTP."""

import io
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import muralist
from muralist.studio.studio import Limits
from tests.laws.parts import painted
from tests.studio.servers import LONG, TOY, Refused, serve, visitor
from tests.studio.studios import until

CHECKOUT = Path(__file__).parents[2]
DOCS = (CHECKOUT / "docs" / "studio.md").read_text()
ENDPOINTS = {
    "paint", "upscale", "plan", "state", "watch", "go_on", "another", "stop", "remove", "gallery",
}  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serve(tmp_path_factory.mktemp("studio"), limits=Limits(megapixels=1, queue=2)) as server:
        yield server


@pytest.fixture
def here(server):
    with visitor(server.url) as somebody:
        yield somebody
        for told in somebody.ask("gallery"):
            somebody.ask("remove", id=told["id"])


@pytest.fixture(scope="module")
def logged_in(tmp_path_factory):
    with serve(tmp_path_factory.mktemp("logins"), {"ann": "secret"}) as server:
        yield server


def png(side: int = 16) -> bytes:
    noise = np.random.default_rng(0).integers(0, 255, (side, side, 3), dtype=np.uint8)
    Image.fromarray(noise).save(file := io.BytesIO(), "PNG")
    return file.getvalue()


def uploaded(here, content: bytes) -> dict:
    paths = here.http.post("/gradio_api/upload", files={"files": ("a.png", content)}).json()
    return {"path": paths[0], "orig_name": "a.png", "meta": {"_type": "gradio.FileData"}}


def test_every_endpoint_is_named_and_says_what_it_takes(here):
    info = here.http.get("/gradio_api/info").json()["named_endpoints"]
    assert {name.strip("/") for name in info} == ENDPOINTS
    assert all(each["description"] for each in info.values())
    for name in ENDPOINTS:
        assert f"`{name}`" in DOCS


def test_an_address_opens_the_page_of_the_api(server, opened):
    page = opened()
    page.goto(f"{server.url}/?view=api")
    page.get_by_text("API documentation").wait_for(timeout=40_000)
    for name in ENDPOINTS:
        assert page.get_by_text(f"/{name}", exact=True).first.is_visible()
    page.wrong[:] = [said for said in page.wrong if "404" not in said]  # what Gradio looks for


def test_the_picture_is_the_one_that_paint_paints(server, here):
    settings = {"name": "pixelsmith", "slider": 2}
    told = here.ask(
        "paint",
        prompt="a wave",
        options={**TOY, "method": "pixelsmith", "settings": {"slider": 2}, "seed": 5},
    )
    done = here.done(told["id"])
    assert done["settings"]["method"].items() >= settings.items()
    received = here.http.get(done["files"]["png"]).content
    request = muralist.Request(prompt="a wave", method=muralist.Pixelsmith(slider=2), seed=5, **TOY)
    expected = painted(request).pixels
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(received))), expected)


def test_an_image_is_enlarged_as_on_the_command_line(server, here):
    options = {"model": "toy", "scale": 2, "num_inference_steps": 3}
    told = here.ask("upscale", image=uploaded(here, png()), prompt="a", options=options)
    done = here.done(told["id"])
    assert (done["width"], done["height"]) == (32, 32)
    image = np.asarray(Image.open(io.BytesIO(png())))
    request = muralist.Request(prompt="a", image=image, **options)
    received = here.http.get(done["files"]["png"]).content
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(received))), painted(request).pixels)


def test_a_plan_tells_stages_and_costs_and_queues_nothing(here):
    plan = here.ask("plan", options={"model": "toy", "width": 48, "height": 32})
    assert plan["stages"][-1] == [48, 32]
    assert plan["evaluations"] > plan["base_evaluations"] > 0
    plan = here.ask("plan", options={"model": "toy", "scale": 3}, image=uploaded(here, png()))
    assert plan["stages"][-1] == [48, 48]
    assert here.ask("gallery") == []


def test_watching_tells_every_change_and_ends_with_the_picture(here):
    told = here.ask("paint", prompt="a", options={**TOY, "num_inference_steps": 200})
    answers = here.answers("watch", id=told["id"])
    shares = [each["progress"]["share"] for each in answers if each["progress"]]
    assert shares == sorted(shares)
    assert answers[-1]["state"] == "done"


def test_a_base_picture_is_proposed_and_gone_on_with_or_tried_again(here):
    first = here.ask("paint", prompt="a", options=TOY, base_first=True)
    assert here.ask("watch", id=first["id"])["state"] == "proposed"
    other = here.ask("another", id=first["id"], seed=9)
    assert here.ask("watch", id=other["id"])["state"] == "proposed"
    assert [told["id"] for told in here.ask("gallery")] == [other["id"]]
    here.ask("go_on", id=other["id"])
    done = here.done(other["id"])
    assert (done["settings"]["seed"], done["layers"]) == (9, ["stage-1", "picture"])


def test_what_is_stopped_goes_on_where_it_was(here):
    id = here.ask("paint", prompt="a", options=LONG)["id"]
    until(lambda: (here.ask("state", id=id)["progress"] or {}).get("step", 0) > 0)
    here.ask("stop", id=id)
    until(lambda: here.ask("state", id=id)["state"] == "stopped")
    here.ask("go_on", id=id)
    here.ask("remove", id=id)
    with pytest.raises(Refused, match="no such picture"):
        here.ask("state", id=id)


def test_a_full_queue_refuses_and_keeps_what_is_in_it(here):
    ids = [here.ask("paint", prompt="a", options=LONG)["id"]]
    until(lambda: here.ask("state", id=ids[0])["state"] == "painting")
    ids += [here.ask("paint", prompt="a", options=LONG)["id"] for _ in range(2)]
    with pytest.raises(Refused, match="there is room for 0 more pictures"):
        here.ask("paint", prompt="a", options=LONG)
    assert {told["id"] for told in here.ask("gallery")} == set(ids)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (5, "options are of type int"),
        (["model"], "options are of type list"),
        ({"image": "/etc/passwd"}, "no option 'image'"),
        ({"with": 5}, "did you mean width"),
        ({"model": "sdxl"}, "shapes, toy are offered"),
        ({"model": ["toy"]}, "shapes, toy are offered"),
        ({"model": {"name": "toy"}}, "shapes, toy are offered"),
        ({"width": "a"}, "width is 'a'"),
        ({"width": -8}, "width is -8"),
        ({"width": 2048, "height": 2048}, "1 megapixels"),
        ({"width": 10**9, "height": 10**9}, "height is 1000000000"),
        ({"seed": 1.5}, "seed is 1.5"),
        ({"seed": -1}, "seed is -1"),
        ({"method": 5}, "method is a text"),
        ({"method": "demofusio"}, "did you mean demofusion"),
        ({"settings": []}, "settings are an object"),
        ({"settings": {"strid": 3}}, "did you mean stride"),
        ({"settings": {"stride": "x"}}, "stride is 'x'"),
        ({"settings": {"name": "pixelsmith", "slider": 1}}, "slider"),
        ({"guidance_interval": [1]}, "guidance_interval"),
        ({"guidance_interval": ["a", "b"]}, "guidance_interval"),
        ({"guidance_interval": {}}, "guidance_interval"),
        ({"solver": 5}, "solver is 5"),
        ({"scale": 2}, "scale"),
        ({"negative_prompt": 4}, "negative_prompt is 4"),
    ],
)
def test_what_cannot_be_painted_is_refused_in_a_sentence(here, options, said):
    with pytest.raises(Refused, match=re.escape(said)) as refused:
        given = {"model": "toy", **options} if isinstance(options, dict) else options
        here.ask("paint", prompt="a", options=given)
    assert "\n" not in str(refused.value)
    assert here.ask("gallery") == []


@pytest.mark.parametrize("id", ["", "../..", "0" * 16, 5, None, ["a"], {"path": "a"}])
def test_pictures_that_are_not_there_are_not_there(here, id):
    with pytest.raises(Refused, match="no such picture"):
        here.ask("state", id=id)


def test_a_full_disk_is_told_of_without_saying_where(server, here, monkeypatch):
    folder = str(server.studio.gallery.folder)
    full = OSError(28, "No space left on device", folder)
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(full))
    with pytest.raises(Refused, match="disk does not do it: No space left") as refused:
        here.ask("paint", prompt="a", options=TOY)
    assert folder not in str(refused.value) and here.ask("gallery") == []


def test_half_a_character_in_a_files_name_hides_nothing(here):
    image = {**uploaded(here, png()), "orig_name": "a\ud800.png"}
    sent = {"image": image, "options": {"model": "toy", "scale": 2}}
    begun = here.http.post(
        "/gradio_api/call/v2/upscale",
        content=json.dumps(sent),  # with an escape, which httpx's own JSON has not
        headers={"Content-Type": "application/json"},
    )
    here.http.get(f"/gradio_api/call/upscale/{begun.json()['event_id']}")
    (told,) = here.ask("gallery")
    assert "a?.png" in here.ask("state", id=told["id"])["command"]


@pytest.mark.parametrize("prompt", [5, None, ["a"], "a" * 3000])
def test_prompts_are_texts(here, prompt):
    with pytest.raises(Refused, match="prompt"):
        here.ask("paint", prompt=prompt, options=TOY)


def test_pythons_example_runs(logged_in, tmp_path, monkeypatch):
    """That of the documents, in small."""
    (code,) = [one for one in blocks("python") if "gradio_client" in one]
    monkeypatch.chdir(tmp_path)
    exec(compile(adapted(code, logged_in.url), "studio.md", "exec"), {})
    with Image.open("star.png") as image:
        assert image.size == (32, 32)


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl here")
def test_curls_example_runs(logged_in, tmp_path):
    (code,) = [one for one in blocks("sh") if "curl" in one]
    done = subprocess.run(
        ["bash", "-euc", adapted(code, logged_in.url)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    with Image.open(tmp_path / "star.png") as image:
        assert image.size == (32, 32)


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", DOCS, re.DOTALL)


def adapted(code: str, url: str) -> str:
    """An example of the documents, of this server and of the toy model."""
    small = code.replace("http://localhost:7860", url).replace("512", "32")
    return small.replace('"seed": 7', '"seed": 7, "model": "toy"')


def test_the_documents_table_of_the_state_is_what_there_is(here):
    done = here.done(here.ask("paint", prompt="a", options=TOY)["id"])
    for name in here.ask("state", id=done["id"]):
        assert f"`{name}`" in DOCS, name
