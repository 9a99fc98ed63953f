"""Pictures outlive the process that was asked for them."""

import json
from contextlib import ExitStack

import numpy as np
import pytest
from PIL import Image

from muralist import BadRequest
from muralist.request import Request
from muralist.studio.gallery import Gallery, NotThere

ASKED = {"model": "toy", "prompt": "a wave", "height": 48, "width": 40, "num_inference_steps": 5}


@pytest.fixture
def request_() -> Request:
    return Request(**ASKED, seed=3)


def begun(gallery: Gallery, *asked, **told):
    work = gallery.begin(*asked, **told)
    gallery.take(work)
    return work


@pytest.fixture
def opened():
    """Opens a folder, and closes it when the test ends."""
    with ExitStack() as stack:

        def opened(folder) -> Gallery:
            gallery = Gallery(folder)
            stack.callback(gallery.close)
            return gallery

        yield opened


@pytest.fixture
def reopened(opened):
    """The gallery as the next process finds it."""

    def reopened(gallery: Gallery) -> Gallery:
        gallery.close()
        return opened(gallery.folder)

    return reopened


def test_what_was_asked_for_is_there_again(tmp_path, request_, opened, reopened):
    gallery = opened(tmp_path / "gallery")
    work = begun(gallery, "ann", request_, base_first=True, image_name="x.png")
    again = reopened(gallery).work(work.id)
    assert again.record == work.record
    assert again.request.to_json() == request_.to_json()


def test_a_picture_that_was_painted_when_the_process_died_is_queued_again(
    tmp_path, request_, opened, reopened
):
    gallery = opened(tmp_path)
    work = begun(gallery, "ann", request_)
    work.become("painting")
    assert reopened(gallery).work(work.id).record.state == "queued"


@pytest.mark.parametrize("state", ["proposed", "stopped", "failed", "done"])
def test_other_states_stay(tmp_path, request_, state, opened, reopened):
    gallery = opened(tmp_path)
    work = begun(gallery, "ann", request_)
    work.become(state, said="why")
    assert reopened(gallery).work(work.id).record == work.record


def test_an_image_is_kept_whatever_becomes_of_its_file(tmp_path, opened):
    pixels = np.random.default_rng(0).integers(0, 256, (24, 20, 3), np.uint8)
    file = tmp_path / "../../etc passwd.png".replace("/", "_")
    Image.fromarray(pixels).save(file)
    request = Request(**{**ASKED, "image": file, "height": None, "width": None}, scale=2)
    work = begun(opened(tmp_path / "gallery"), "ann", request, image_name=file.name)
    file.unlink()
    assert (work.request.photos[0].pixels == pixels).all()
    assert "etc" not in json.dumps(dict(work.record.settings))  # nor is it found by its name
    assert {path.name for path in work.folder.iterdir()} == {"work.json", "start.npy"}


def test_removed_pictures_are_gone_with_their_files(tmp_path, request_, opened):
    gallery = opened(tmp_path)
    work = begun(gallery, "ann", request_)
    gallery.remove(work)
    assert not work.folder.exists() and gallery.works() == []
    with pytest.raises(NotThere, match="no such picture"):
        gallery.work(work.id)


def test_a_kill_amid_removing_leaves_nothing(tmp_path, request_, opened, reopened):
    gallery = opened(tmp_path)
    work = begun(gallery, "ann", request_)
    gallery.forget(work)  # and its files are still there
    assert reopened(gallery).works() == [] and not work.folder.exists()


@pytest.mark.parametrize("name", ["", ".", "..", "/etc", "../x", "0" * 15, "\0", "0" * 17])
def test_no_name_leads_elsewhere(tmp_path, name, opened):
    with pytest.raises(NotThere):
        opened(tmp_path).work(name)


def test_what_cannot_be_read_is_left_alone(tmp_path, request_, opened, reopened):
    gallery = opened(tmp_path)
    works = [begun(gallery, "ann", request_) for _ in range(5)]
    (works[0].folder / "work.json").write_text("{")
    (works[1].folder / "work.json").write_text('{"format": 99}')
    content = json.loads((works[2].folder / "work.json").read_text())
    (works[2].folder / "work.json").write_text(json.dumps({**content, "state": "flying"}))
    (works[4].folder / "work.json").write_text(json.dumps({**content, "settings": []}))
    again = reopened(gallery)
    assert [work.id for work in again.works()] == [works[3].id]
    assert len(again.unread) == 4 and all(work.folder.exists() for work in works)


def test_somebody_elses_folder_is_refused(tmp_path, opened):
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(BadRequest, match="holds other things than a gallery"):
        opened(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_a_file_is_no_gallery(tmp_path, opened):
    (tmp_path / "file").write_text("")
    with pytest.raises(BadRequest, match="cannot be a gallery"):
        opened(tmp_path / "file")


def test_one_studio_at_a_time(tmp_path, opened, reopened):
    gallery = opened(tmp_path)
    with pytest.raises(BadRequest, match="open in another studio"):
        opened(tmp_path)
    reopened(gallery)


def test_a_record_appears_whole(tmp_path, request_, monkeypatch, opened, reopened):
    gallery = opened(tmp_path)
    work = begun(gallery, "ann", request_)
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "full")))
    with pytest.raises(OSError, match="full"):
        work.become("done")
    assert work.record.state == "queued"
    assert reopened(gallery).work(work.id).record.state == "queued"


def test_on_a_full_disk_pictures_can_be_removed(tmp_path, request_, opened, reopened, monkeypatch):
    gallery = opened(tmp_path)
    work = begun(gallery, "ann", request_)

    def full(*_):
        raise OSError(28, "full")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        gallery.remove(work)
    assert gallery.works() == [] and not work.folder.exists()
    assert reopened(gallery).works() == []


def test_what_is_left_of_a_removed_picture_goes_at_the_next_start(
    tmp_path, request_, opened, reopened, monkeypatch
):
    gallery = opened(tmp_path)
    work = begun(gallery, "ann", request_)
    with monkeypatch.context() as patch:
        patch.setattr("shutil.rmtree", lambda *_, **__: None)  # killed before that
        gallery.remove(work)
    assert any(path.name.endswith(work.id) for path in tmp_path.iterdir())
    assert reopened(gallery).unread == []
    assert {path.name for path in tmp_path.iterdir()} == {".gallery"}


def test_images_take_no_memory_of_the_gallerys(tmp_path, opened):
    pixels = np.zeros((64, 64, 3), np.uint8)
    asked = {**ASKED, "image": pixels, "height": None, "width": None}
    work = begun(opened(tmp_path), "ann", Request(**asked, scale=2))
    assert isinstance(work.request.photos[0].pixels, np.memmap)
    assert work.request.to_json()["image"] == work.record.settings["image"]
