"""One picture at a time, taken up where it was; nothing that was painted is lost."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import pyvips
import torch

from muralist import AccDiffusion, MultiDiffusion, generation
from muralist.errors import NotFinite
from muralist.events import StageBegun, Ticked
from muralist.planning import work
from muralist.request import Request
from muralist.studio import painter as module
from muralist.studio import why
from muralist.studio import work as work_module
from muralist.studio.gallery import Gallery
from muralist.studio.painter import Means, Painter
from tests.laws.parts import painted
from tests.studio.studios import opened, settled, toy, until


def pixels(path):
    return torch.from_numpy(pyvips.Image.new_from_file(str(path)).numpy())


@pytest.fixture
def held(monkeypatch):
    """Lets steps happen one by one: `held.step()` for one, `held.free()` for all to come."""

    class Held:
        def __init__(self) -> None:
            self.steps, self.ticks, self.freed = threading.Semaphore(0), 0, False

        def step(self) -> None:
            ticks = self.ticks
            self.steps.release()
            until(lambda: self.ticks > ticks)

        def free(self) -> None:
            self.freed = True
            self.steps.release()

        def __call__(self, *arguments, **settings):
            for event in generation.generate(*arguments, **settings):
                if isinstance(event, Ticked) and not self.freed:
                    self.steps.acquire()
                    self.ticks += 1
                yield event

    held = Held()
    monkeypatch.setattr(module, "generate", held)
    return held


def test_the_picture_is_the_one_that_paint_paints(tmp_path):
    with opened(tmp_path) as studio:
        work = studio.ask("ann", toy(studio, seed=4))
        settled(work)
        assert studio.status(work).words == "done"
        picture = painted(toy(studio, seed=4))
        assert torch.equal(pixels(work.picture), torch.from_numpy(picture.pixels))
        assert list(work.layers) == ["stage-1", "stage-2", "picture"]
        for result in picture.stages[:-1]:
            there = pixels(work.stage(result.stage))
            assert torch.equal(there, torch.from_numpy(result.pixels))
        assert not work.job.exists() and work.thumbnail.exists()


def test_the_base_picture_is_proposed_and_gone_on_with(tmp_path):
    with opened(tmp_path) as studio:
        work = studio.ask("ann", toy(studio), base_first=True)
        settled(work)
        assert work.record.state == "proposed" and list(work.layers) == ["stage-1"]
        assert work.reached == (1, 0)
        studio.go_on(work)
        settled(work)
        assert work.record.state == "done"
        assert torch.equal(pixels(work.picture), torch.from_numpy(painted(toy(studio)).pixels))


def test_what_is_proposed_costs_the_base_picture_alone(tmp_path, monkeypatch):
    seen = []

    def counted(*arguments, **settings):
        for event in generation.generate(*arguments, **settings):
            seen.append(event)
            yield event

    monkeypatch.setattr(module, "generate", counted)
    with opened(tmp_path) as studio:
        work = studio.ask("ann", toy(studio), base_first=True)
        settled(work)
        assert sum(isinstance(event, Ticked) for event in seen) == 5
        assert [event.stage for event in seen if isinstance(event, StageBegun)] == [1, 2]
        studio.go_on(work)
        settled(work)
        assert sum(isinstance(event, Ticked) for event in seen) == 15


def test_a_stopped_picture_goes_on_where_it_was(tmp_path, held):
    with opened(tmp_path) as studio:
        work = studio.ask("ann", toy(studio))
        for _ in range(7):
            held.step()
        studio.stop(work)
        held.free()
        settled(work)
        assert work.record.state == "stopped" and "stage-1" in work.layers
        stages, steps = work.reached
        assert (stages, steps) >= (1, 2)
        studio.go_on(work)
        settled(work)
        assert torch.equal(pixels(work.picture), torch.from_numpy(painted(toy(studio)).pixels))


def test_the_end_of_the_process_keeps_the_canvas_and_the_next_one_goes_on(tmp_path, held):
    with opened(tmp_path) as studio:
        work, waiting = (studio.ask("ann", toy(studio, seed=seed)) for seed in (1, 2))
        for _ in range(6):
            held.step()
        closing = threading.Thread(target=studio.painter.close)
        closing.start()
        until(lambda: studio.painter._closing)
        held.free()
        closing.join(30)
        assert work.record.state == "queued" and work.reached >= (1, 1)
    with opened(tmp_path) as studio:
        again, waiting = studio.gallery.work(work.id), studio.gallery.work(waiting.id)
        settled(again, waiting)
        whole = painted(toy(studio, seed=1))
        assert torch.equal(pixels(again.picture), torch.from_numpy(whole.pixels))
        assert again.record.served < waiting.record.served


def test_pictures_are_painted_one_at_a_time_in_turns(tmp_path, held):
    with opened(tmp_path) as studio:
        first = studio.ask("ann", toy(studio, seed=0))
        held.step()
        anns = [studio.ask("ann", alone(studio, seed)) for seed in (1, 2)]
        bobs = [studio.ask("bob", alone(studio, seed)) for seed in (3, 4)]
        assert [work.record.state for work in (*anns, *bobs)] == ["queued"] * 4
        assert [studio.status(work).position for work in bobs] == [1, 3]
        assert [studio.status(work).position for work in anns] == [2, 4]
        held.free()
        settled(first, *anns, *bobs)
        assert {work.record.state for work in (first, *anns, *bobs)} == {"done"}


def test_between_two_stages_a_picture_gives_way_to_other_owners(tmp_path, held):
    with opened(tmp_path) as studio:
        long = studio.ask("ann", toy(studio, seed=0))
        held.step()
        own, quick = studio.ask("ann", alone(studio, 1)), studio.ask("bob", alone(studio, 2))
        for _ in range(4):
            held.step()
        until(lambda: quick.record.state == "painting")
        assert studio.status(long).words == "stage 1 of 3 is done; number 1 in the queue"
        assert long.reached == (1, 0) and own.record.state == "queued"
        held.free()
        settled(long, own, quick)
        assert quick.record.served < long.record.served < own.record.served
        assert torch.equal(pixels(long.picture), torch.from_numpy(painted(toy(studio)).pixels))


def test_who_give_way_to_each_other_come_to_an_end(tmp_path):
    with opened(tmp_path, start=False) as studio:
        works = [studio.ask(name, toy(studio, seed=2)) for name in ("ann", "bob", "eve")]
        studio.painter.start()
        settled(*works)
        for work in works:
            assert work.record.state == "done"
            assert torch.equal(pixels(work.picture), torch.from_numpy(painted(work.request).pixels))


def alone(studio, seed: int):
    """A picture of one stage."""
    return toy(studio, seed=seed, method=MultiDiffusion())


def test_progress_previews_and_time_left_are_told(tmp_path, held):
    with opened(tmp_path) as studio:
        work = studio.ask("ann", toy(studio))
        for _ in range(3):
            held.step()
        until(lambda: studio.status(work).progress.step == 3)
        progress = studio.status(work).progress
        assert (progress.stage, progress.stages, progress.steps) == (1, 3, 5)
        assert progress.words == "stage 1 of 3, step 3 of 5" and 0 < progress.share < 1
        assert progress.seconds_left > 0
        assert progress.preview >= 1 and work.preview.exists()
        held.free()
        settled(work)
        assert studio.status(work).progress is None


def test_an_error_is_told_and_the_next_picture_is_painted(tmp_path, monkeypatch):
    def broken(request, **settings):
        if request.seed == 1:
            raise NotFinite("the picture turned into NaN at stage 2")
        if request.seed == 2:
            raise ZeroDivisionError("a secret")
        yield from generation.generate(request, **settings)

    monkeypatch.setattr(module, "generate", broken)
    with opened(tmp_path) as studio:
        works = [studio.ask("ann", toy(studio, seed=seed)) for seed in (1, 2, 3)]
        settled(*works)
        assert [work.record.state for work in works] == ["failed", "failed", "done"]
        assert works[0].record.said == "the picture turned into NaN at stage 2"
        assert "ZeroDivisionError" in works[1].record.said and "secret" not in works[1].record.said
        monkeypatch.setattr(module, "generate", generation.generate)
        studio.go_on(works[0])
        settled(works[0])
        assert works[0].record.state == "done" and works[0].record.said is None


def test_a_picture_that_is_removed_while_it_is_painted_is_gone(tmp_path, held):
    with opened(tmp_path) as studio:
        work, other = studio.ask("ann", toy(studio)), studio.ask("ann", toy(studio, seed=1))
        held.step()
        studio.remove(work)
        assert studio.works("ann") == [other]
        held.free()
        settled(other)
        assert not work.folder.exists() and other.record.state == "done"


def test_a_folder_that_cannot_be_written_to_ends_nobody_else(tmp_path, monkeypatch):
    with opened(tmp_path, start=False) as studio:
        lost, kept = studio.ask("ann", toy(studio)), studio.ask("bob", toy(studio))
        monkeypatch.setattr(type(lost), "become", _refusing(type(lost).become, lost), raising=True)
        studio.painter.start()
        settled(lost, kept)
        assert lost.record.state == "failed" and "full" in lost.record.said
        assert kept.record.state == "done"


def _refusing(become, lost):
    def other(self, state, **changed):
        if self is lost:
            raise OSError(28, "the disk is full")
        become(self, state, **changed)

    return other


def test_why_a_stage_looks_so_is_kept(tmp_path):
    with opened(tmp_path) as studio:
        told = {"model": "shapes", "prompt": "a red circle", "height": 256, "width": 256}
        work = studio.ask("ann", toy(studio, **told, method=AccDiffusion(), num_inference_steps=2))
        settled(work)
        words = ["a", "red", "circle"]  # each where it is looked at, and where it is told
        maps = why.read(work, 1)["maps"]
        assert maps == [said for word in words for said in (word, f"{word}: told")]
        assert len(why.read(work, 2)["windows"]) == 9


def test_a_model_is_timed_before_it_has_painted(tmp_path):
    """Estimates tell of time before the first picture; what is painted corrects them."""
    gallery = Gallery(tmp_path)
    request = Request(model="toy", prompt="", height=48, width=40, num_inference_steps=5)
    for _ in range(2):  # the second time it is known
        painter = Painter(gallery, Means(), request)
        known = painter.rates.knows(request)
        painter.start()
        until(lambda painter=painter: painter.rates.knows(request))
        painter.close()
    assert known and painter.rates.seconds(request, work(request)) > 0
    gallery.close()


def test_a_request_that_cannot_be_planned_fails_alone(tmp_path, monkeypatch):
    with opened(tmp_path, start=False) as studio:
        lost, kept = studio.ask("ann", toy(studio)), studio.ask("bob", toy(studio))
        lost.record = replace(lost.record, settings={**lost.record.settings, "method": {}})
        studio.painter.start()
        settled(lost, kept)
        assert lost.record.state == "failed" and kept.record.state == "done"
        assert str(tmp_path) not in (lost.record.said or "")


def test_what_takes_long_to_be_planned_holds_nobody_up(tmp_path, monkeypatch):
    begun, free, planned = threading.Event(), threading.Event(), work_module.planned

    def slowly(request):
        begun.set()
        assert free.wait(60)
        return planned(request)

    monkeypatch.setattr(work_module, "planned", slowly)
    with opened(tmp_path) as studio, ThreadPoolExecutor(1) as others:
        vast = studio.ask("ann", toy(studio))
        assert begun.wait(60)

        def live():
            later = studio.ask("bob", toy(studio, seed=2), base_first=True)
            studio.stop(later)
            assert studio.status(vast).words == "loading the model"
            assert studio.status(later).state == "stopped"
            studio.remove(vast)
            return studio.works("bob"), later

        try:
            works, later = others.submit(live).result(timeout=30)
        finally:
            free.set()
        assert works == [later]
