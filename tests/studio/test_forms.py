"""What forms ask for, what they say of it, and what is shown of a picture, without a browser."""

import asyncio
import gc
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace
from weakref import ref

import pytest

gr = pytest.importorskip("gradio")

from PIL import Image  # noqa: E402

from muralist import BadRequest, Pixelsmith  # noqa: E402
from muralist.models import card  # noqa: E402
from muralist.studio.estimate import Effort, Estimate  # noqa: E402
from muralist.studio.owner import owner  # noqa: E402
from muralist.studio.page import drop, page  # noqa: E402
from muralist.studio.page.form import Form, ModelForm, PromptForm, checked, weighed  # noqa: E402
from muralist.studio.page.look import LIVE, Choice, bar, besides, layers, newest, scene  # noqa: E402
from muralist.studio.page.method import described, method_form  # noqa: E402
from muralist.studio.page.sampling import sampling_form  # noqa: E402
from muralist.studio.page.shelf import cards  # noqa: E402
from muralist.studio.page.shown import told  # noqa: E402
from muralist.studio.page.size import FREE, RATIOS, follow, preset_of, presets, to_sides  # noqa: E402
from muralist.studio.page.variation import variation  # noqa: E402
from muralist.studio.page.words import counted, duration, effort_line, memory_line  # noqa: E402
from muralist.studio.studio import Limits  # noqa: E402
from muralist.studio.work import Work  # noqa: E402
from tests.studio.studios import opened, settled, toy  # noqa: E402
from tests.studio.works import finished, slopes  # noqa: E402


@pytest.fixture
def studio(tmp_path):
    with opened(tmp_path / "gallery") as studio:
        yield studio


def built(make, *told):
    """What is made where a loop of events runs: gradio would open others, and leave them. In a
    thread, as a browser has a loop of its own in this one.
    """

    async def inside():
        return make(*told)

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(inside())).result()


def part(make, *told):
    """A piece of a page, by itself."""

    def inside():
        with gr.Blocks():
            return make(*told)

    return built(inside)


def held(form) -> dict:
    """What widgets hold before anybody touches them."""
    return {widget: widget.value for widget in form.inputs}


@pytest.mark.parametrize("model", ["shapes", "sd15", "sdxl"])
def test_presets_are_native_multiples_with_4k_and_8k(model):
    native = max(card(model).native) * card(model).factor
    sides = {side: name for name, side in presets(card(model), 1100)}
    assert set(sides) == {native, 2 * native, 4 * native, 8 * native, 4096, 8192}
    assert sides[4096].startswith("4K") and sides[8192].startswith("8K")
    assert sides[native].startswith("native")


def test_presets_beyond_the_limit_are_not_offered():
    assert max(side for _, side in presets(card("sdxl"), 16)) == 4096


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("model", ["shapes", "sdxl"])
def test_a_ratio_gives_sides_that_can_be_painted(model, ratio):
    known = card(model)
    width, height = to_sides(known, 1024, ratio)
    assert max(width, height) == 1024
    assert known.latent(height, width).times(known.factor) == (height, width)
    wide, high = map(int, ratio.split(":"))
    assert abs(width / height - wide / high) < known.factor / min(width, height)


@pytest.mark.parametrize("ratio", RATIOS)
def test_the_other_side_follows_to_the_nearest_cell(ratio):
    known, (wide, high) = card("sdxl"), map(int, ratio.split(":"))
    height = follow(known, ratio, width=1600)
    assert height % known.factor == 0 and abs(height - 1600 * high / wide) <= known.factor / 2
    assert abs(follow(known, ratio, height=height) - 1600) <= known.factor * max(wide / high, 1)


def test_sides_as_typed_are_a_preset_where_they_are_one():
    known = card("sdxl")
    assert preset_of(known, 1100, 4096, 2304) == 4096
    assert preset_of(known, 1100, 4000, 4096 - 8) is None
    assert preset_of(known, 1100, None, None) is None
    assert to_sides(known, 2048, FREE) == (2048, 2048)


def test_an_untouched_method_is_the_one_of_the_library():
    form = part(method_form, "pixelsmith")
    assert form.asked(held(form)) == {"method": Pixelsmith()}


def test_settings_of_other_methods_do_not_count():
    form = part(method_form, "pixelsmith")
    values = held(form) | {form.settings["demofusion"]["sigma"]: -1}
    values[form.settings["pixelsmith"]["slider"]] = "7"
    assert form.asked(values) == {"method": Pixelsmith(slider=7)}
    with pytest.raises(BadRequest, match="sigma is -1"):
        form.asked(values | {form.method: "demofusion"})


def test_a_method_is_described_by_its_paper():
    assert "Tragakis et al., 2024" in described("pixelsmith")


def test_untouched_sampling_is_what_suits_the_model():
    form = part(sampling_form)
    asked = form.asked(held(form))
    assert asked["num_inference_steps"] is None and asked["guidance_scale"] is None
    assert asked["seed"] == 0 and asked["solver"] is None


def test_what_is_wrong_is_said_by_the_name_on_the_page():
    form = part(sampling_form)
    with pytest.raises(BadRequest, match=r"^Steps is 0; a whole number of at least 1 is needed"):
        form.asked(held(form) | {form.widgets["num_inference_steps"]: "0"})


@pytest.fixture
def form(studio):
    def make():
        prompt = PromptForm(gr.Textbox("a wave"), gr.Textbox(""))
        return Form([prompt, ModelForm(gr.Dropdown([*studio.models], value="toy"))])

    return part(make)


def test_what_can_be_painted_is_priced(studio, form):
    line, possible = checked(studio, form, held(form))
    assert possible and "evaluations" in line and "refusal" not in line
    assert "of disk" in weighed(studio, form, held(form))


def test_nothing_to_paint_is_a_hint_and_no_refusal(studio, form):
    line, possible = checked(studio, form, held(form) | {form.pieces[0].prompt: "  "})
    assert not possible and "Say what to paint" in line and "refusal" not in line


def test_what_cannot_be_painted_is_said_once_and_without_tags(studio, form):
    values = held(form) | {form.pieces[1].model: "<b>sdxl</b>"}
    line, possible = checked(studio, form, values)
    assert not possible and "refusal" in line and "<b>" not in line
    assert weighed(studio, form, values) == ""


def test_of_pictures_that_are_dropped_the_last_is_kept_unless_it_is_large(tmp_path, monkeypatch):
    monkeypatch.setattr(drop, "get_upload_folder", lambda: str(tmp_path))
    monkeypatch.setattr(drop, "_KEPT", 40 * 48)
    form = part(drop.drop_form)

    def read(height):
        path = tmp_path / f"{height}.png"
        path.exists() or Image.fromarray(slopes(height, 40)).save(path)
        return form.read({form.zone: {"path": str(path), "name": "a sea"}})[0]

    small, large = read(48), read(49)
    assert read(49) is not large and read(48) is not small
    assert read(48) is read(48)


def test_more_values_than_can_be_compared_are_refused_before_anything_is_made(studio, monkeypatch):
    def make():
        common = Form([PromptForm(gr.Textbox("a wave"), gr.Textbox(""))])
        return variation(common, gr.Dropdown(["shapes"], value="shapes"))

    form = part(make)
    values = {each: each.value for each in form.inputs}
    values |= {form.kind: "Values of a setting", form.values: "1," * 17}
    monkeypatch.setattr(type(studio), "request", None)
    with pytest.raises(BadRequest, match=r"^17 values are too many; 16 at most are compared$"):
        form.requests(studio, values)
    with pytest.raises(BadRequest, match="; 3 at most"):
        form.requests(replace(studio, limits=Limits(queue=3)), values)


def test_a_fault_is_told_by_its_kind_alone(studio, form, monkeypatch, caplog):
    monkeypatch.setattr(type(studio), "effort", lambda *_: 1 / 0)
    line, possible = checked(studio, form, held(form))
    assert not possible and "has a fault: ZeroDivisionError" in line
    assert "division by zero" not in line and "division by zero" in caplog.text


def test_numbers_are_said_in_words():
    told = [duration(each) for each in (0.2, 40, 200, 4000, 7200 + 1200, 3600 * 30, 86400 * 5)]
    assert told == ["under a second", "40 s", "3 min", "67 min", "2 h 20 min", "30 h", "5 days"]
    assert [counted(each) for each in (2**16, 5 * 2**20, 3 * 2**30)] == [
        "64 KiB",
        "5 MiB",
        "3.0 GiB",
    ]


def test_what_does_not_fit_is_red():
    effort = Effort((), 1, 1, None, None)
    fits = Estimate(**vars(effort), device_bytes=1, host_bytes=1, disk_bytes=1, short=None)
    short = Estimate(**{**vars(fits), "short": "needs 9.0 GiB of memory, and there are 2.0 GiB"})
    assert "refusal" not in memory_line(fits)
    assert "refusal" in memory_line(short) and "it needs 9.0 GiB" in memory_line(short)


def test_time_is_not_made_up():
    unknown = effort_line(Effort(((8, 8),), 30, 10, None, None))
    assert "known once this model has painted here" in unknown
    assert "About 40 s" in effort_line(Effort(((8, 8),), 30, 10, 40.0, 1.0))


def seen(studio, work, choice=None, new=True, who="ann"):
    return told(studio, who, work, choice or Choice(), new)


def visible(now: dict) -> set[str]:
    return {name for name in ("stop", "go_on", "another") if now[name]["visible"]}


def test_what_can_be_done_follows_the_state(tmp_path):
    with opened(tmp_path / "gallery", start=False) as studio:
        work = studio.ask("ann", toy(studio))
        assert visible(seen(studio, work)) == {"stop"}
        assert "number 1 in the queue" in seen(studio, work)["state"].lower()
        studio.stop(work)
        assert visible(seen(studio, work)) == {"go_on"}
        work.become("failed", said="there is no room <b>")
        assert visible(seen(studio, work)) == {"go_on"}
        assert "there is no room &lt;b&gt;" in seen(studio, work)["state"]


def test_a_base_picture_is_proposed_and_then_painted(studio):
    work = studio.ask("ann", toy(studio), base_first=True)
    settled(work)
    assert visible(seen(studio, work)) == {"go_on", "another"}
    studio.go_on(work)
    settled(work)
    now = seen(studio, work)
    assert visible(now) == {"another"} and "Done: 40x48 pixels" in now["state"]
    assert "muralist paint 'a wave'" in now["command"] and "muralist.paint(" in now["python"]
    assert now["scene"]["image"]["url"].startswith(f"/works/{work.id}/picture.dzi")


def test_layers_are_there_newest_first_and_the_newest_is_shown(studio):
    work = studio.ask("ann", toy(studio))
    settled(work)
    known = layers(work, studio.status(work))
    assert [name for _, name in known] == ["picture", "stage-2", "stage-1"]
    assert newest(known) == "picture"
    chosen = seen(studio, work, Choice(layer="stage-1"), new=False)
    assert "value" not in chosen["layer"] and "/stage-1.dzi" in chosen["scene"]["image"]["url"]
    again = seen(studio, work, Choice(layer="stage-1"))
    assert again["layer"]["value"] == "picture"


def test_before_anything_is_there_nothing_is_shown(tmp_path):
    with opened(tmp_path / "gallery", start=False) as studio:
        work = studio.ask("ann", toy(studio))
        assert newest(layers(work, studio.status(work))) == LIVE
        assert seen(studio, work)["scene"]["image"] is None


def test_a_picture_is_wiped_to_its_base_and_to_others_of_the_gallery(studio):
    work, other = (studio.ask("ann", toy(studio, seed=seed)) for seed in (1, 2))
    settled(work, other)
    known = [value for _, value in besides(studio, "ann", work)]
    assert known == ["", *reversed([*work.layers]), f"{other.id}/picture"]
    for value, address in (("stage-1", f"{work.id}/stage-1"), (known[-1], f"{other.id}/picture")):
        shown = scene(studio, "ann", work, Choice(layer="picture", beside=value))
        assert f"/works/{address}.dzi" in shown.beside.url and all(shown.labels)


def test_a_picture_that_was_wiped_to_and_is_deleted_is_let_go(studio):
    work, other = (studio.ask("ann", toy(studio, seed=seed)) for seed in (1, 2))
    settled(work, other)
    choice = Choice(layer="picture", beside=f"{other.id}/picture")
    assert "value" not in seen(studio, work, choice, new=False)["beside"]
    studio.remove(other)
    assert scene(studio, "ann", work, choice).beside is None
    now = seen(studio, work, choice, new=False)
    assert now["beside"]["value"] == "" and now["scene"]["beside"] is None


def test_the_views_of_a_step_are_drawn_where_there_is_such_a_step(studio):
    work = studio.ask("ann", toy(studio))
    settled(work)
    choice = Choice(layer="picture", views=True, stage=2, step=3)
    assert scene(studio, "ann", work, choice).views["stage"] == 2
    missing = Choice(layer="picture", views=True, stage=2, step=99)
    assert scene(studio, "ann", work, missing).views is None


def test_views_that_were_drawn_hold_no_picture_that_is_removed(studio, tmp_path):
    work = finished(tmp_path / "work", picture=slopes(48, 40))
    assert scene(studio, "ann", work, Choice(layer="picture", views=True)).views
    held = ref(work)
    del work
    gc.collect()
    assert held() is None


def test_of_a_large_gallery_the_newest_pictures_alone_are_looked_at(studio, monkeypatch):
    works = [studio.ask("ann", toy(studio, seed=seed)) for seed in range(4)]
    settled(*works)
    looked, layers = [], Work.layers.fget
    monkeypatch.setattr("muralist.studio.page.look._OTHERS", 2)
    monkeypatch.setattr(Work, "layers", property(lambda one: looked.append(one) or layers(one)))
    assert len(besides(studio, "ann", works[3])) == 1 + len(layers(works[3])) + 2
    assert works[0] not in looked


def test_what_the_page_is_told_is_json(studio):
    work = studio.ask("ann", toy(studio))
    settled(work)
    json.dumps(seen(studio, work, Choice(views=True, stage=2)))


def test_nothing_shown_is_said():
    assert "No picture yet" in bar(None, None)


def test_cards_say_what_they_are_and_hold_no_tags(studio):
    work = studio.ask("ann", toy(studio, prompt='<img src=x onerror="alert(1)">'))
    settled(work)
    html = cards(studio.works("ann"))
    assert "<img src=x" not in html and "&lt;img src=x" in html
    assert f'data-work="{work.id}"' in html and "40x48" in html
    assert f"/works/{work.id}/thumbnail.jpg" in html


def asker(**given) -> SimpleNamespace:
    client = SimpleNamespace(host="192.0.2.7")
    return SimpleNamespace(**{"username": None, "cookies": {}, "client": client, **given})


def test_who_logged_in_is_known_by_name():
    token = {"muralist": "0" * 32}
    assert owner(asker(username="ann", cookies=token)) == "ann"


def test_a_browser_is_known_by_its_cookie_and_cannot_claim_a_name():
    one, other = (owner(asker(cookies={"muralist": each * 32})) for each in "01")
    assert one != other and one == owner(asker(cookies={"muralist": "0" * 32}))
    assert owner(asker(cookies={"muralist": "ann"})) == "address 192.0.2.7"


def test_what_the_page_does_inside_is_no_api(studio):
    events = built(page, studio).get_config_file()["dependencies"]
    assert len(events) > 20
    assert [each for each in events if each["api_visibility"] == "public"] == []


def test_tabs_that_are_closed_look_nothing_up(studio):
    known = built(page, studio).get_config_file()["components"]
    timers = [each["props"] for each in known if each["type"] == "timer"]
    active = [each for each in timers if each.get("active", True)]
    assert len(timers) == 3 and len(active) == 1  # the picture is on all but the wide ones


def test_every_control_has_a_label(studio):
    known = built(page, studio).get_config_file()["components"]
    kinds = {"textbox", "number", "dropdown", "slider", "checkbox"}
    found = [each for each in known if each["type"] in kinds]
    assert len(found) > 100
    seen = [each["props"] for each in found if each["props"].get("visible", True)]
    assert [each for each in seen if not each.get("label")] == []
