"""Every method's settings survive JSON and text, and bad ones are refused with their range."""

import dataclasses
import json
import math
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import muralist
from muralist import BadRequest, Request
from muralist.methods import method_from_json, method_named, method_to_json
from muralist.models import Toy
from muralist.request.conditioning import EMBEDS, SIZES, TEXTS
from muralist.settings import Setting, from_json, parsed, settings_of, to_json
from tests.laws.parts import METHODS, toy_request

quick = settings(max_examples=25, deadline=None, derandomize=True)
EVERY_KIND = pytest.mark.parametrize("kind", muralist.METHODS.values(), ids=muralist.METHODS)
EVERY_METHOD = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
EVERY_SETTING = pytest.mark.parametrize(
    ("kind", "known"),
    [(kind, known) for kind in muralist.METHODS.values() for known in settings_of(kind)],
    ids=lambda value: getattr(value, "__name__", getattr(value, "name", "")),
)


def good(known: Setting) -> st.SearchStrategy[Any]:
    """Values the setting allows."""
    low = None if known.low == -math.inf else known.low
    high = None if known.high == math.inf else known.high
    if known.choices:
        values = st.sampled_from(known.choices)
    elif known.kind is bool:
        values = st.booleans()
    elif known.kind is int:
        values = st.integers(low, high)
    else:
        values = st.floats(low, high, allow_nan=False, allow_infinity=False) | st.just(known.low)
    return values | st.none() if known.optional else values


def bad(known: Setting) -> st.SearchStrategy[Any]:
    """Values it does not: outside the range, not finite, of another type."""
    wrong = [st.just([]), st.text().filter(lambda text: text not in known.choices)]
    wrong += [st.sampled_from([math.nan, math.inf, -math.inf])]
    if not known.optional:
        wrong += [st.none()]
    if known.kind is not bool:
        wrong += [st.booleans()]
    if known.kind is not float:
        wrong += [st.floats(allow_nan=False)]
    if known.kind is float or known.kind is int:
        step = 1 if known.kind is int else 1e-6
        number = st.integers if known.kind is int else st.floats
        wrong += [number(max_value=known.low - step)] if known.low > -math.inf else []
        wrong += [number(min_value=known.high + step)] if known.high < math.inf else []
    else:
        wrong += [st.integers()]
    return st.one_of(wrong)


def instances(kind: type) -> st.SearchStrategy[Any]:
    return st.builds(
        lambda **values: from_json(kind, values),
        **{known.name: good(known) for known in settings_of(kind)},
    )


def as_json(value: Any) -> Any:
    return json.loads(json.dumps(value))


@EVERY_KIND
@quick
@given(data=st.data())
def test_settings_survive_json(kind, data):
    method = data.draw(instances(kind))
    assert from_json(kind, as_json(to_json(method))) == method
    assert method_from_json(as_json(method_to_json(method))) == method


@EVERY_KIND
@quick
@given(data=st.data())
def test_settings_survive_being_typed(kind, data):
    method = data.draw(instances(kind))
    typed = {name: str(value) for name, value in to_json(method).items()}
    assert parsed(kind, typed) == method


@EVERY_KIND
def test_what_is_left_out_keeps_its_default(kind):
    assert from_json(kind, {}) == parsed(kind, {}) == kind()


@EVERY_METHOD
def test_a_whole_request_survives_json(method):
    request = toy_request(
        method,
        model="toy",
        height=16,  # one stage: larger ones of AccDiffusion2 need a ControlNet, which no name has
        width=16,
        prompt="a cat, “quoted”\n",
        negative_prompt="blurry",
        guidance_scale=3.5,
        guidance_rescale=0.2,
        guidance_interval=(0.0, 1.0),
        pag_scale=3.0,
        solver="dpmpp2m",
        seed=2**63 - 1,
    )
    again = Request.from_json(as_json(request.to_json()))
    assert again.to_json() == request.to_json()
    assert again.method == request.method


def test_a_request_fills_in_its_defaults_before_it_is_written():
    bare = Request(model="toy", prompt="a cat")
    written = bare.to_json()
    assert {key for key, value in written.items() if value is None} == {
        "image",
        "solver",
        "clip_skip",
        "ip_adapter_image",
        "ip_adapter_image_embeds",
        *(*TEXTS, *EMBEDS, *SIZES),
    }
    again = Request.from_json(as_json(written))
    assert again.to_json() == written
    assert (again.size, again.schedule, again.method) == (bare.size, bare.schedule, bare.method)


def test_every_setting_of_a_request_that_changes_the_picture_is_written():
    names = {field.name for field in dataclasses.fields(Request)}
    assert set(Request(model="toy").to_json()) == names - {
        "scale",  # of the image, told as height and width
        "batch_size",
        "canvas",
        "workers",
        "ray",
    }


def test_the_version_that_wrote_settings_is_no_setting():
    written = {"muralist": "9.9", **Request(model="toy").to_json()}
    assert Request.from_json(written).to_json() == Request(model="toy").to_json()


def test_a_loaded_model_is_written_by_its_name():
    assert toy_request(model=Toy()).to_json() == toy_request(model="toy").to_json()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": {"name": "demofusion", "sigam": 1.0}}, "no setting 'sigam'.* mean sigma"),
        ({"method": {"name": "demofusoin"}}, "no method 'demofusoin'.* mean demofusion"),
        ({"method": {}}, "there is no method ''; there are accdiffusion, accdiffusion2, demo"),
        ({"height": "512"}, "height is '512'; a whole number"),
        ({"method": None}, "these are no settings of a picture"),
        ({"method": "demofusion"}, "these are no settings of a picture"),
        ({"guidance_interval": 3}, "guidance_interval is 3; two fractions"),
    ],
)
def test_settings_that_are_none_are_refused(change, message):
    with pytest.raises(BadRequest, match=message):
        Request.from_json({**toy_request(model="toy").to_json(), **change})


@pytest.mark.parametrize("name", ["model", "prompt", "method"])
def test_settings_without_the_essential_ones_are_refused(name):
    written = toy_request(model="toy").to_json()
    del written[name]
    with pytest.raises(BadRequest, match="these are no settings of a picture"):
        Request.from_json(written)


def test_what_a_later_version_may_have_added_is_passed_over():
    written = toy_request(model="toy").to_json()
    assert Request.from_json({**written, "colour": "red"}).to_json() == written


@EVERY_SETTING
@quick
@given(data=st.data())
def test_good_values_are_kept_as_they_are(kind, known, data):
    value = data.draw(good(known))
    assert to_json(from_json(kind, {known.name: value}))[known.name] == value


@EVERY_SETTING
@quick
@given(data=st.data())
def test_bad_values_are_refused_with_the_value_and_the_range(kind, known, data):
    value = data.draw(bad(known))
    with pytest.raises(BadRequest) as refusal:
        from_json(kind, {known.name: value})
    assert str(refusal.value) == f"{known.name} is {value!r}; {known.allowed} is needed"


@EVERY_SETTING
@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "-1", "six", "1e999", "[]"])
def test_bad_values_that_are_typed_are_refused_likewise(kind, known, text):
    with pytest.raises(BadRequest, match=f"^{known.name} is .*; .* is needed$"):
        parsed(kind, {known.name: text})


@EVERY_SETTING
def test_every_setting_says_what_it_means(kind, known):
    assert len(known.help.split()) >= 4
    assert known.allowed


@EVERY_SETTING
def test_a_misspelled_setting_gets_a_suggestion(kind, known):
    typo = known.name[:-1] + "x" if len(known.name) > 1 else known.name + "-"
    for given_as in (lambda: from_json(kind, {typo: 1}), lambda: parsed(kind, {typo: "1"})):
        with pytest.raises(BadRequest, match=f"{kind.__name__} has no setting '{typo}'; did you"):
            given_as()


@EVERY_KIND
def test_a_setting_far_from_all_gets_the_list(kind):
    names = ", ".join(known.name for known in settings_of(kind))
    with pytest.raises(BadRequest, match=f"has no setting 'qqq'; there are {names}"):
        parsed(kind, {"qqq": "1"})


@pytest.mark.parametrize("name", muralist.METHODS)
def test_a_misspelled_method_gets_a_suggestion(name):
    assert method_named(name) is muralist.METHODS[name]
    with pytest.raises(BadRequest, match=f"no method '{name[1:]}'; did you mean {name}?"):
        method_named(name[1:])


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        (Setting("n", int, 1, "", 1, math.inf), "a whole number of at least 1"),
        (Setting("n", int | None, None, "", 1, 9), "a whole number from 1 to 9"),
        (Setting("x", float, 1, "", 0, 0.5), "a number from 0 to 0.5"),
        (Setting("x", float, 1, "", -math.inf, math.inf), "a number"),
        (Setting("b", bool, True, "", -math.inf, math.inf), "true or false"),
        (Setting("c", Literal["one", "two"], "one", "", -math.inf, math.inf), "one or two"),
        (Setting("c", Literal["one", "two"] | None, None, "", -math.inf, math.inf), "one or two"),
    ],
)
def test_ranges_are_put_in_words(setting, words):
    assert setting.allowed == words


@pytest.mark.parametrize(("text", "value"), [("yes", True), ("FALSE", False), ("1", True)])
def test_switches_are_typed_in_several_ways(text, value):
    assert Setting("b", bool, True, "", -math.inf, math.inf).read(text) is value


@pytest.mark.parametrize("text", ["auto", "none", "None", ""])
def test_what_may_be_unset_is_typed_in_several_ways(text):
    assert Setting("n", int | None, 3, "", 1, math.inf).read(text) is None
