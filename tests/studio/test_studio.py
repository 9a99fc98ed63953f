"""What can be asked of the studio, and what is refused."""

import numpy as np
import pytest

from muralist import BadRequest, DemoFusion, MultiDiffusion, Pixelsmith
from muralist.photo import photo
from muralist.studio.estimate import fewest_evaluations
from muralist.studio.gallery import NotThere
from muralist.studio.studio import Busy, Limits
from tests.studio.studios import opened, settled, toy


@pytest.fixture
def studio(tmp_path):
    with opened(tmp_path, start=False, limits=Limits(megapixels=0.01, queue=3)) as studio:
        yield studio


def test_only_models_that_are_offered_are_painted_by(studio):
    for name in ("sdxl", "/etc/passwd", "../shapes", ""):
        with pytest.raises(BadRequest, match="shapes, toy are offered"):
            toy(studio, model=name)


def test_too_large_pictures_are_refused_before_anything_is_kept(studio):
    assert toy(studio, height=100, width=100).size.area == 10_000
    with pytest.raises(BadRequest, match=r"1000x104 pixels is too large; 0\.01 megapixels"):
        toy(studio, height=104, width=1000)
    assert studio.works("ann") == []


def test_a_full_queue_takes_no_more_and_loses_nothing(studio):
    works = [studio.ask("ann", toy(studio, seed=seed)) for seed in range(3)]
    with pytest.raises(Busy, match="there is room for 0 more pictures in the queue, not for 1"):
        studio.ask("bob", toy(studio))
    assert len(list(studio.gallery.folder.glob("*/work.json"))) == 3
    studio.stop(works[0])
    with pytest.raises(BadRequest, match="the picture is stopped; there is nothing to stop"):
        studio.stop(works[0])
    studio.ask("bob", toy(studio))
    with pytest.raises(Busy):
        studio.go_on(works[0])
    assert works[0].record.state == "stopped"


@pytest.mark.parametrize("state", ["queued", "painting", "done"])
def test_what_is_under_way_or_done_is_not_gone_on_with(studio, state):
    work = studio.ask("ann", toy(studio))
    work.become(state)
    with pytest.raises(BadRequest, match=f"the picture is {state}"):
        studio.go_on(work)


def test_a_base_picture_is_proposed_only_where_there_is_something_to_choose(studio):
    assert studio.ask("ann", toy(studio), base_first=True).record.base_first
    alone = toy(studio, method=MultiDiffusion())
    assert not studio.ask("ann", alone, base_first=True).record.base_first
    image = photo(np.zeros((24, 20, 3), np.uint8))
    from_image = toy(studio, image=image, height=None, width=None, scale=2)
    assert not studio.ask("ann", from_image, base_first=True).record.base_first


def test_another_seed_takes_the_place_of_what_was_proposed(tmp_path):
    with opened(tmp_path) as studio:
        work = studio.ask("ann", toy(studio, seed=1), base_first=True)
        settled(work)
        again = studio.another(work, "ann", 2)
        settled(again)
        assert again.record.state == "proposed" and again.request.seed == 2
        assert studio.works("ann") == [again]
        studio.go_on(again)
        settled(again)
        third = studio.another(again, "ann", 3)  # of a finished one, which stays
        settled(third)
        assert studio.works("ann") == [third, again]


def test_a_base_picture_that_failed_before_it_was_there_is_still_proposed(tmp_path):
    with opened(tmp_path, start=False) as studio:
        work = studio.ask("ann", toy(studio), base_first=True)
        work.become("failed")
        studio.go_on(work)
        studio.painter.start()
        settled(work)
        assert work.record.state == "proposed"


def test_in_a_private_studio_nobody_sees_others_pictures(tmp_path):
    with opened(tmp_path, start=False, private=True) as studio:
        work = studio.ask("ann", toy(studio))
        assert studio.works("ann") == [work] and studio.works("bob") == []
        assert studio.work(work.id, "ann") is work
        with pytest.raises(NotThere) as seen:
            studio.work(work.id, "bob")
        with pytest.raises(NotThere) as absent:
            studio.work("0" * 16, "bob")
        assert str(seen.value) == str(absent.value)  # it is not told that there is one


def test_in_a_studio_for_one_every_browser_sees_all(studio):
    work = studio.ask("ann", toy(studio))
    assert studio.works("bob") == [work] and studio.work(work.id, "bob") is work


def test_an_estimate_tells_what_painting_then_asks_of_the_network(tmp_path):
    with opened(tmp_path) as studio:
        request = toy(studio)
        before = studio.estimate(request)
        assert before.seconds is None and before.short is None
        work = studio.ask("ann", request)
        settled(work)
        after = studio.estimate(request)
        assert after.evaluations == before.evaluations > after.base_evaluations > 0
        assert 0 < after.base_seconds < after.seconds


def test_a_picture_is_removed_once_however_often_it_is_asked(studio):
    work = studio.ask("ann", toy(studio))
    for _ in range(2):
        studio.remove(work)
    assert studio.works("ann") == [] and not work.folder.exists()


def test_more_work_than_there_may_be_is_refused_at_once(tmp_path, monkeypatch):
    """Planning it would take minutes of somebody's thread."""
    monkeypatch.setattr("muralist.studio.estimate.work", lambda request: pytest.fail("planned"))
    with opened(tmp_path, start=False) as studio:
        large = {"model": "shapes", "prompt": "x", "height": 4096, "width": 4096}
        with pytest.raises(BadRequest, match="evaluations of the network are too many"):
            studio.request(**large, method=MultiDiffusion(stride=1))
        studio.request(**large)


def test_what_is_known_at_once_is_never_more_than_what_is_planned(studio):
    for method in (MultiDiffusion(), MultiDiffusion(stride=3), DemoFusion(window=8), Pixelsmith()):
        request = toy(studio, height=96, width=104, method=method)
        assert 0 < fewest_evaluations(request) <= studio.effort(request).evaluations


def test_limits_hold_for_what_was_asked_for_under_others(tmp_path):
    with opened(tmp_path, start=False) as studio:
        work = studio.ask("ann", toy(studio))
        studio.stop(work)
    lesser = {"too large": {"limits": Limits(megapixels=0.001)}}
    lesser["shapes are offered"] = {"models": ("shapes",)}
    for sentence, less in lesser.items():
        with opened(tmp_path, start=False, **less) as studio:
            work = studio.gallery.work(work.id)
            with pytest.raises(BadRequest, match=sentence):
                studio.go_on(work)
            with pytest.raises(BadRequest, match=sentence):
                studio.another(work, "ann", 1)
            assert work.record.state == "stopped" and len(studio.works("ann")) == 1


def test_one_of_several_owners_cannot_fill_the_queue(tmp_path):
    with opened(tmp_path, start=False, private=True, limits=Limits(queue=8)) as studio:
        for seed in range(2):
            studio.ask("ann", toy(studio, seed=seed))
        with pytest.raises(Busy, match="room for 0 more"):
            studio.ask("ann", toy(studio))
        studio.ask("bob", toy(studio))
