"""What the viewer is told is JSON, and its addresses change when files do."""

import json
import os

import pytest

from muralist.studio.drawn import drawn
from muralist.studio.scene import Heat, Scene, Source, layer, still, version
from tests.studio.works import finished, slopes


def test_an_empty_scene_says_so_of_everything():
    assert Scene().to_json() == {
        "work": None,
        "image": None,
        "beside": None,
        "labels": ["", ""],
        "views": None,
        "map": None,
        "words": None,
    }


def test_a_scene_is_json_as_the_viewer_takes_it(tmp_path):
    work = finished(tmp_path / "0123456789abcdef", stage_1=slopes(16, 16), picture=slopes(48, 40))
    scene = Scene(
        work=work.id,
        image=layer(work, "stage-1"),
        beside=layer(work, "picture"),
        labels=("base", "final"),
        views=drawn(work.request, 2, 1),
        map=Heat("/works/0123456789abcdef/why/1/0.png"),
    )
    told = json.loads(json.dumps(scene.to_json()))
    assert told["image"]["type"] == "dzi"
    assert told["image"]["url"].startswith("/works/0123456789abcdef/stage-1.dzi?v=")
    assert told["beside"]["url"].startswith("/works/0123456789abcdef/picture.dzi?v=")
    assert told["labels"] == ["base", "final"]
    assert told["map"] == {"url": "/works/0123456789abcdef/why/1/0.png", "opacity": 0.85}
    assert told["views"]["windows"]


def test_what_is_not_there_is_no_source(tmp_path):
    work = finished(tmp_path / "work")
    assert layer(work, "picture") is None and layer(work, "../work/picture") is None
    assert still(work) is None
    work.preview.write_bytes(b"")
    assert still(work) == Source("image", f"/works/work/preview.jpg?v={version(work.preview)}")


def test_a_file_that_changes_has_another_address(tmp_path):
    work = finished(tmp_path / "work", picture=slopes(48, 40))
    before = layer(work, "picture")
    assert layer(work, "picture") == before
    os.utime(work.picture, ns=(1, 1))
    assert layer(work, "picture") != before
    with pytest.raises(FileNotFoundError):
        version(tmp_path / "gone")
