"""What outlives the server, and who is let in, as people see it in a browser."""

import signal

import pytest

pytest.importorskip("gradio")
sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

from tests.studio.servers import Process, visitor  # noqa: E402

pytestmark = pytest.mark.slow

SECONDS = 40_000  # milliseconds, the longest that anything here takes
PICTURE = {"prompt": "a red circle", "options": {"width": 256, "height": 256}}


def says(page, words):
    sync_api.expect(page.locator("#state")).to_contain_text(words, timeout=SECONDS)


def test_a_picture_goes_on_after_the_server_was_killed(tmp_path, opened, keep):
    """And so does its page: by its address, which another browser may have."""
    with Process(tmp_path / "gallery") as process, visitor(process.url) as somebody:
        long = {**PICTURE, "options": {**PICTURE["options"], "num_inference_steps": 12}}
        id = somebody.ask("paint", **long)["id"]
        page = opened()
        page.goto(f"{process.url}/?work={id}")
        says(page, "Stage 2 of 2, step")
        assert not page.wrong
        page.close()
        process.send(signal.SIGKILL)
    with Process(tmp_path / "gallery") as process:
        page = opened()
        page.goto(f"{process.url}/?work={id}")
        says(page, "Done: 256x256 pixels")
        keep(page, "restarted")
        page.get_by_role("tab", name="Gallery").click()
        sync_api.expect(page.get_by_text("a red circle").first).to_be_visible(timeout=SECONDS)
        page.close()


def test_the_page_asks_who_is_there(tmp_path, opened, keep):
    with Process(tmp_path / "gallery", "--auth", "ann:secret", "--auth", "bob:other") as process:
        with visitor(process.url, "bob", "other") as bob:
            tiny = {"model": "toy", "width": 32, "height": 32, "num_inference_steps": 2}
            id = bob.ask("paint", prompt="bob's own", options=tiny)["id"]
            bob.done(id)
        page = opened()
        page.goto(f"{process.url}/?work={id}")
        name, password = page.get_by_label("username"), page.get_by_label("password")
        sync_api.expect(name).to_be_visible(timeout=SECONDS)
        keep(page, "login")
        name.fill("ann")
        password.fill("wrong")
        page.get_by_role("button", name="Login").click()
        sync_api.expect(page.get_by_text("Incorrect")).to_be_visible(timeout=SECONDS)
        page.wrong[:] = []  # the browser says 400 on the console
        name.fill("ann")
        password.fill("secret")
        page.get_by_role("button", name="Login").click()
        sync_api.expect(page.get_by_role("tab", name="Paint")).to_be_visible(timeout=SECONDS)
        assert not page.wrong
        page.goto(f"{process.url}/?work={id}")  # somebody else's is as if it were not
        says(page, "No picture yet")
        page.get_by_role("tab", name="Gallery").click()
        page.wait_for_timeout(1500)
        assert "bob's own" not in page.content()
        keep(page, "logged-in")
        page.close()
        page.wrong[:] = []  # Gradio says there that it was left while it listened
