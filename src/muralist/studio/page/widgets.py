"""A setting as a widget of a form, and back."""

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypeVar

import gradio as gr
from gradio.components import Component

from muralist.settings import Setting, parsed, typed

__all__ = ["filled", "widget", "written"]

T = TypeVar("T")

_LONGEST = {int: 256, float: 20}  # ranges that a hand can set on a slider to what it means


def widget(setting: Setting) -> Component:
    """Shows a setting at its default: its name, what it means, and its range.

    Choices are a dropdown, true or false a checkbox, ranges that are short at both ends a slider,
    other numbers and texts a field. One that may be unset is a dropdown with `auto`, or a field of
    text, which may be empty: a browser shows a number that is not there as 0. What a widget holds
    is read by `filled`, which refuses what is out of range.
    """
    name, help, default, kind = setting.name, setting.help, setting.default, setting.kind
    empty = "auto" if setting.optional else None
    if setting.choices or (kind is bool and empty):
        words = [written(each) for each in setting.choices or (True, False)]
        words = [empty, *words] if empty else words
        value = written(default) or "auto"
        return gr.Dropdown(words, value=value, filterable=False, label=name, info=help)
    if kind is bool:
        return gr.Checkbox(default, label=name, info=help)
    if kind not in _LONGEST:
        return gr.Textbox(written(default), placeholder=empty, label=name, info=help)
    step, precision = _step(setting), 0 if kind is int else None
    low, high = setting.low, setting.high
    if not empty and high - low <= _LONGEST[kind]:
        return gr.Slider(
            low,
            high,
            default,
            step=step,
            precision=precision,
            label=name,
            info=help,
            buttons=["reset"],
        )
    ranged = f"{help} ({setting.allowed})"
    if empty:
        return gr.Textbox(written(default), placeholder=empty, label=name, info=ranged, max_lines=1)
    return gr.Number(default, label=name, info=ranged, precision=precision, step=step)


def filled(cls: type[T], values: Mapping[str, Any], base: T | None = None) -> T:
    """An instance from what widgets hold, by the names of settings, over those of `base`.

    Raises `BadRequest` naming the first that is unknown or outside its range.
    """
    return parsed(cls, {name: written(value) for name, value in values.items()}, base)


def written(value: Any) -> str:
    """A value as it is typed into a field; nothing where it is unset."""
    return typed(value, unset="").strip()


def _step(setting: Setting) -> float:
    """A power of ten that goes through both ends and the default, and about a hundred times up.

    Browsers count steps from the lower end: a coarser one would miss the default.
    """
    if setting.kind is int:
        return 1
    known = [setting.low, setting.high, setting.default]
    marks = [each for each in known if each is not None and math.isfinite(each)]
    finest = min((_exponent(each) for each in marks), default=0)
    span = setting.high - setting.low
    wanted = math.floor(math.log10(span / 100)) if math.isfinite(span) else -1
    return float(Decimal(10) ** min(finest, wanted))


def _exponent(number: float) -> int:
    """Of the last digit that is not zero, or of the units: -2 of 0.25."""
    last = Decimal(str(number)).normalize().as_tuple().exponent
    assert isinstance(last, int)
    return min(last, 0)
