"""What is compared is asked for at once, counted as the benchmark counts, and put together."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from shutil import copy

import numpy as np
import pytest
from PIL import Image

from muralist.bench.cases import Case
from muralist.bench.entrants import entrant
from muralist.bench.measured import Judge
from muralist.bench.trials import Trial, Workshop
from muralist.canvas import Size
from muralist.errors import BadRequest
from muralist.methods import METHODS
from muralist.request.typed import arguments, varied
from muralist.sinks import panel, read_settings
from muralist.sinks.tiff import level
from muralist.studio import counts as counting
from muralist.studio.counts import countable, counts
from muralist.studio.gallery import NotThere
from muralist.studio.progress import Progress
from muralist.studio.sheets import Sheet, begin, contact, remove, sheet, sheets, stop
from muralist.studio.studio import Busy, Limits, Studio
from muralist.studio.work import OPEN, Work
from tests.studio.studios import opened, settled, until

RED = "a red circle on a blue background"
SHAPES = {"model": "shapes", "prompt": RED, "size": "256x256", "num_inference_steps": 4, "seed": 5}
CONTEST = ("multidiffusion", "pixelsmith", "demofusion")
SMALL = {"model": "toy", "prompt": "a sea", "size": "64x64", "num_inference_steps": 2}


@pytest.fixture
def studio(tmp_path):
    with opened(tmp_path / "gallery") as studio:
        yield studio


@pytest.fixture
def idle(tmp_path):
    """One in which nobody paints."""
    with opened(tmp_path / "gallery", start=False) as studio:
        yield studio


def requests(studio: Studio, given: dict, name: str, *values: object) -> dict:
    various = varied(given, name, map(str, values))
    return {label: studio.request(**arguments({}, **one)) for label, one in various.items()}


def painted(studio: Studio, id: str) -> Sheet:
    """The sheet, once nobody waits for any of it."""
    settled(*sheet(studio, id, "me").works)
    return sheet(studio, id, "me")


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """Three positions of a slider, and every method: painted by the studio."""
    with opened(tmp_path_factory.mktemp("studio") / "gallery") as studio:
        slid = requests(studio, {**SHAPES, "method": "pixelsmith"}, "slider", 1, 2, 4)
        methods = requests(studio, SHAPES, "method", *CONTEST)
        ids = begin(studio, "me", slid), begin(studio, "me", methods)
        yield studio, *(painted(studio, id) for id in ids)


def test_three_positions_of_a_slider_are_three_pictures(compared):
    _, slid, _ = compared
    assert slid.labels == ["slider 1", "slider 2", "slider 4"]
    assert [work.request.method.slider for work in slid.works] == [1, 2, 4]
    pictures = [level(work.picture, np.inf) for work in slid.works]
    assert all(one.shape == (256, 256, 3) for one in pictures)
    assert not any(np.array_equal(pictures[0], other) for other in pictures[1:])
    first, *others = (level(work.stage(1), np.inf) for work in slid.works)
    assert all(np.array_equal(first, other) for other in others), "one prompt and seed, one base"


def test_counts_are_the_benchmarks_own(compared, tmp_path):
    """Of a method without a base too: the benchmark paints the native picture, which here is
    Pixelsmith's base.
    """
    _, _, methods = compared
    workshop = Workshop(tmp_path, {"model": "shapes", "num_inference_steps": 4})
    judge = Judge(workshop=workshop, parts=("repetition",), folder=tmp_path)
    case = Case(RED, 5, Size(256, 256))
    workshop(workshop.native(case))
    for work, name in zip(methods.works, CONTEST, strict=True):
        workshop(trial := Trial(entrant(name), case))
        measures = judge(trial).row.measures
        del measures["repetition.duplicates"]  # by features, not by counting
        found = counts(work, methods.lender(work).stage(1))
        assert found == pytest.approx(measures, nan_ok=True), name
        assert methods.measures(work).items() >= found.items()


def test_many_who_look_at_once_have_a_picture_counted_once(compared, monkeypatch, tmp_path):
    _, _, methods = compared
    work, began, comparison = methods.works[0], [], counting.comparison

    def slowly(*told):
        began.append(told)
        time.sleep(0.2)
        return comparison(*told)

    monkeypatch.setattr(counting, "comparison", slowly)
    base = copy(methods.lender(work).stage(1), tmp_path)  # one that nobody has looked at
    with ThreadPoolExecutor(4) as people:
        told = list(people.map(lambda _: counts(work, base), range(4)))
    assert len(began) == 1 and told == [told[0]] * 4


def test_a_method_without_a_base_picture_alone_is_not_counted(compared):
    _, _, methods = compared
    alone = Sheet("0" * 16, methods.works[:1])
    assert not alone.works[0].stage(1).exists() and alone.lender(alone.works[0]) is None
    assert set(alone.measures(alone.works[0])) == {"cost.evaluations", "cost.seconds"}


def test_a_base_picture_of_another_seed_is_nobody_elses(studio):
    """Nor one of another size, or of more steps."""
    given = {**SMALL, "method": "demofusion"}
    for name, values in (("seed", (1, 2)), ("size", ("64x64", "96x96")), ("steps", (1, 2))):
        various = requests(studio, given, name, *values)
        last = list(various)[-1]
        various[last] = replace(various[last], method=METHODS["multidiffusion"]())
        found = painted(studio, begin(studio, "me", various))
        assert [found.lender(work) for work in found.works] == [found.works[0], None], name


def test_costs_are_said_of_every_picture(compared):
    _, slid, _ = compared
    for work in slid.works:
        measures = slid.measures(work)
        assert measures["cost.evaluations"] == compared[0].effort(work.request).evaluations
        assert measures["cost.seconds"] == work.record.seconds > 0


def test_a_prompt_of_another_world_is_counted_against_the_base_alone(studio):
    given = {**SHAPES, "prompt": "two cats", "method": "pixelsmith", "num_inference_steps": 2}
    found = painted(studio, begin(studio, "me", requests(studio, given, "slider", 1, 2)))
    for work in found.works:
        measures = counts(work, work.stage(1))
        assert {"repetition.excess", "repetition.missing", "repetition.sharpness"} < set(measures)
        assert not [name for name in measures if "wrong" in name or "right" in name]
        kept = measures["repetition.found"] - measures["repetition.excess"]
        assert kept == measures["repetition.base"] - measures["repetition.missing"]


def test_objects_are_counted_for_the_embedded_model_alone(studio):
    found = painted(studio, begin(studio, "me", requests(studio, SMALL, "seed", 1, 2)))
    for work in found.works:
        assert found.lender(work) is work and not countable(work)
        assert set(found.measures(work)) == {"cost.evaluations", "cost.seconds"}


def places_of(part: np.ndarray, whole: np.ndarray) -> list[tuple[int, int]]:
    """Where a picture lies in another, exactly: top and left."""
    height, width, _ = part.shape
    first = np.argwhere((whole == part[0, 0]).all(-1))
    return [
        (int(top), int(left))
        for top, left in first
        if np.array_equal(whole[top : top + height, left : left + width], part)
    ]


def test_the_contact_sheet_is_its_pictures_side_by_side(compared):
    studio, slid, _ = compared
    path = contact(studio, slid)
    whole = np.asarray(Image.open(path))
    places = [places_of(panel(level(work.picture, np.inf)), whole) for work in slid.works]
    assert [len(each) for each in places] == [1, 1, 1]
    tops, lefts = zip(*(place for (place,) in places), strict=True)
    assert len(set(tops)) == 1 and list(lefts) == sorted(lefts)
    assert read_settings(path)["sheet"] == slid.labels


def test_the_contact_sheet_is_made_once(compared):
    studio, slid, _ = compared
    before = contact(studio, slid).stat().st_mtime_ns
    assert contact(studio, slid).stat().st_mtime_ns == before


def test_a_contact_sheet_without_one_of_its_pictures_is_another(studio):
    id = begin(studio, "me", requests(studio, SMALL, "seed", 1, 2, 3))
    found = painted(studio, id)
    before = contact(studio, found)
    studio.remove(found.works[0])
    fewer = sheet(studio, id, "me")
    assert fewer.labels == ["seed 2", "seed 3"] and not before.exists()
    assert read_settings(contact(studio, fewer))["sheet"] == fewer.labels


def test_a_picture_that_failed_is_on_the_sheet_as_a_sentence(studio, monkeypatch):
    paint = studio.painter._paint

    def failing(run):
        if run.work.request.seed == 2:
            raise BadRequest("the paint has dried up")
        return paint(run)

    monkeypatch.setattr(studio.painter, "_paint", failing)
    id = begin(studio, "me", requests(studio, SMALL, "seed", 1, 2))
    found = painted(studio, id)
    assert [work.record.state for work in found.works] == ["done", "failed"]
    path = contact(studio, found)
    assert read_settings(path)["words"] == ["seed 1", "seed 2: not painted; the paint has dried up"]
    there, plain = level(found.works[0].picture, np.inf), np.full((64, 64, 3), 235, np.uint8)
    whole = np.asarray(Image.open(path))
    assert len(places_of(there, whole)) == 1 and places_of(plain, whole)
    assert found.measures(found.works[1]) == {}
    # when it has been painted after all, it is there
    monkeypatch.undo()
    studio.go_on(found.works[1])
    assert read_settings(contact(studio, painted(studio, id)))["words"] == ["seed 1", "seed 2"]


def test_there_is_no_contact_sheet_before_the_pictures_are_there(idle):
    id = begin(idle, "me", requests(idle, SMALL, "seed", 1, 2))
    with pytest.raises(BadRequest, match="when the pictures are there"):
        contact(idle, sheet(idle, id, "me"))
    stop(idle, sheet(idle, id, "me"))
    stopped = sheet(idle, id, "me")
    assert [work.record.state for work in stopped.works] == ["stopped", "stopped"]
    with pytest.raises(BadRequest, match="when the pictures are there"):
        contact(idle, stopped)


def test_all_are_queued_or_none(tmp_path):
    with opened(tmp_path / "gallery", start=False, limits=Limits(queue=3)) as studio:
        begin(studio, "me", requests(studio, SMALL, "seed", 1, 2))
        with pytest.raises(Busy, match="there is room for 1 more pictures in the queue, not for 2"):
            begin(studio, "you", requests(studio, SMALL, "seed", 1, 2))
        assert len(studio.works("me")) == len(studio.painter.line) == 2


def test_nothing_is_left_of_what_could_not_be_queued_together(idle, monkeypatch):
    begun = Work.begun

    def full(folder, request, record):
        if request.seed == 3:
            raise OSError("No space left on device")
        return begun(folder, request, record)

    monkeypatch.setattr(Work, "begun", full)
    with pytest.raises(OSError, match="No space"):
        begin(idle, "me", requests(idle, SMALL, "seed", 1, 2, 3))
    assert not idle.works("me") and not idle.painter.line
    assert not [path for path in idle.gallery.folder.iterdir() if path.is_dir()]


def test_one_picture_is_no_comparison(idle):
    with pytest.raises(BadRequest, match="two different pictures at least"):
        begin(idle, "me", requests(idle, SMALL, "seed", 1, 1))
    assert not idle.works("me")


def test_a_sheet_goes_on_after_a_restart(tmp_path):
    """The server stops while the second of three is painted."""
    with opened(tmp_path / "gallery") as studio:
        id = begin(
            studio, "me", requests(studio, {**SMALL, "num_inference_steps": 30}, "seed", 1, 2, 3)
        )
        first, second, _ = sheet(studio, id, "me").works
        until(lambda: (studio.painter.progress(second) or Progress()).step > 0)
    assert [first.record.state, second.record.state] == ["done", "queued"]
    with opened(tmp_path / "gallery") as again:
        before = sheet(again, id, "me")
        assert before.labels == ["seed 1", "seed 2", "seed 3"] and not before.settled
        assert [work.id for work in before.works][:2] == [first.id, second.id]
        after = painted(again, id)
        assert [work.record.state for work in after.works] == ["done"] * 3
        assert read_settings(contact(again, after))["sheet"] == before.labels


def test_deleting_a_sheet_deletes_its_pictures_and_no_others(idle):
    alone = idle.ask("me", idle.request(**arguments({}, **SMALL)))
    kept = begin(idle, "me", requests(idle, SMALL, "seed", 1, 2))
    id = begin(idle, "me", requests(idle, SMALL, "seed", 3, 4))
    folders = [work.folder for work in sheet(idle, id, "me").works]
    remove(idle, sheet(idle, id, "me"))
    assert not any(folder.exists() for folder in folders)
    assert [one.id for one in sheets(idle, "me")] == [kept]
    assert alone in idle.works("me") and len(idle.works("me")) == 3
    with pytest.raises(NotThere):
        sheet(idle, id, "me")


def test_sheets_are_their_owners_where_the_studio_is_private(tmp_path):
    with opened(tmp_path / "gallery", start=False, private=True) as studio:
        older = begin(studio, "me", requests(studio, SMALL, "seed", 1, 2))
        newer = begin(studio, "me", requests(studio, SMALL, "seed", 3, 4))
        assert [one.id for one in sheets(studio, "me")] == [newer, older]
        assert not sheets(studio, "you")
        with pytest.raises(NotThere):
            sheet(studio, older, "you")


def test_records_from_before_there_were_labels_can_be_read(idle):
    work = idle.ask("me", idle.request(**arguments({}, **SMALL)))
    file = work.folder / "work.json"
    file.write_text(file.read_text().replace('"label": null', '"sheet": null'))
    assert Work.read(work.folder).record.label is None
    assert work.record.state in OPEN
