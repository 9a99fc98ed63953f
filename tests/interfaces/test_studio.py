"""`muralist studio`: what it refuses, in a sentence, and where it says it is."""

import importlib.util
import signal
import socket

import httpx
import pytest

from muralist.studio.gallery import Gallery
from tests.studio.servers import Process


def test_it_says_where_it_is_and_where_pictures_are(tmp_path):
    with Process(tmp_path / "gallery") as studio:
        assert studio.url.startswith("http://127.0.0.1:")
        assert str(tmp_path / "gallery") in studio.line
        assert httpx.get(f"{studio.url}/health").json()["status"] == "ok"
        assert studio.end(signal.SIGTERM)[0] == 0


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["--host", "0.0.0.0"], "give --auth NAME:PASSWORD"),
        (["--host", "::"], "give --auth NAME:PASSWORD"),
        (["--host", ""], "give --auth NAME:PASSWORD"),
        (["--host", "nowhere.invalid"], "is no address of a machine"),
        (["--port", "70000"], "port is 70000"),
        (["--port", "-1"], "port is -1"),
        (["--auth", "ann"], "neither NAME:PASSWORD nor"),
        (["--auth", "ann:a", "--auth", "ann:b"], "ann is given twice"),
        (["--model", "nowhere/nothing"], "nowhere/nothing"),
        (["--max-queue", "0"], "max-queue is 0"),
        (["--max-megapixels", "-1"], "max-megapixels is -1"),
        (["--max-upload", "0"], "max-upload is 0"),
        (["--max-megapixels", "nan"], "max-megapixels is nan"),
        (["--device", "abacus"], "abacus"),
        (["--dtype", "int4"], "dtype is 'int4'"),
        (["--workers", "0"], "workers is 0"),
        (["--batch-size", "0"], "batch_size is 0"),
        (["--canvas", "paper"], "canvas is 'paper'"),
    ],
)
def test_what_cannot_be_served_is_refused_before_anything_is_made(run, tmp_path, typed, said):
    free = [] if "--port" in typed else ["--port", "0"]
    code, out, err = run("studio", "--gallery", "gallery", *free, *typed)
    assert (code, out) == (2, "")
    assert said in err and err.count("\n") == 1
    assert not (tmp_path / "gallery").exists()


def test_a_port_in_use_is_refused(run):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, _, err = run("studio", "--gallery", "gallery", "--port", port)
    assert code == 2
    assert f"port {port} of 127.0.0.1 is not to be had" in err


def test_a_gallery_that_is_open_elsewhere_is_refused(run, tmp_path):
    other = Gallery(tmp_path / "gallery")
    code, _, err = run("studio", "--gallery", "gallery", "--port", "0")
    other.close()
    assert code == 2
    assert "is open in another studio" in err


def test_a_folder_of_other_things_is_no_gallery(run, tmp_path):
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "one.txt").write_text("dear")
    code, _, err = run("studio", "--gallery", "letters", "--port", "0")
    assert code == 2
    assert "holds other things than a gallery" in err


def test_without_gradio_it_says_what_to_install(run, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "muralist.cli.studio.find_spec", lambda name: None if name == "gradio" else find(name)
    )
    code, _, err = run("studio")
    assert code == 2
    assert 'pip install "muralist[studio]"' in err
