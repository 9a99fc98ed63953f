"""How large a picture is to be: presets, a ratio, and sides as typed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import gradio as gr
from gradio.components import Component

from muralist.models import Card, card
from muralist.request import Request
from muralist.studio.page.event import QUIET
from muralist.studio.studio import Studio

__all__ = [
    "FREE",
    "RATIOS",
    "SizeForm",
    "follow",
    "preset_choice",
    "preset_of",
    "presets",
    "size_form",
    "to_sides",
]

FREE = "free"
RATIOS = ("1:1", "4:3", "3:2", "16:9", "21:9", "3:4", "2:3", "9:16")
_TIMES = (1, 2, 4, 8)  # native sides
_NAMED = {4096: "4K", 8192: "8K"}


def presets(card: Card, megapixels: float) -> list[tuple[str, int]]:
    """Longer sides in pixels, with what they are called: multiples of the native one, 4K and 8K."""
    native = max(card.native) * card.factor
    sides = sorted({native * times for times in _TIMES} | set(_NAMED))
    return [(_called(side, native), side) for side in sides if side * side <= megapixels * 2**20]


def _called(side: int, native: int) -> str:
    name = _NAMED.get(side) or ("native" if side == native else f"{side // native}x")
    return f"{name} · {side}"


def to_sides(card: Card, longer: int, ratio: str) -> tuple[int, int]:
    """Width and height of a ratio, the longer one as given; a square where it is free."""
    share = _share(ratio) or Fraction(1)
    width, height = (longer, longer / share) if share >= 1 else (longer * share, longer)
    size = card.nearest(float(height), float(width)).times(card.factor)
    return size.width, size.height


def follow(card: Card, ratio: str, *, width: int | None = None, height: int | None = None) -> int:
    """The other side, in whole cells, of a ratio that is not free."""
    share = _share(ratio)
    assert share is not None
    other = width / share if width else (height or 0) * share
    return max(round(float(other) / card.factor), 1) * card.factor


def preset_of(card: Card, most: float, width: int | None, height: int | None) -> int | None:
    """The preset that has these sides; None where none has."""
    longer = max(width or 0, height or 0)
    return longer if longer in (side for _, side in presets(card, most)) else None


def _share(ratio: str) -> Fraction | None:
    """Width over height; None where nothing is said of it."""
    wide, _, high = ratio.partition(":")
    return Fraction(int(wide), int(high)) if ratio in RATIOS else None


@dataclass(frozen=True)
class SizeForm:
    """Two sides, and what sets them."""

    preset: gr.Dropdown
    ratio: gr.Dropdown
    width: gr.Number
    height: gr.Number

    @property
    def inputs(self) -> Sequence[Component]:
        return self.width, self.height

    def asked(self, values: Mapping[Component, Any]) -> dict[str, Any]:
        """Arguments of a request."""
        return {"width": values[self.width], "height": values[self.height]}


def preset_choice(studio: Studio, model: gr.Dropdown) -> gr.Dropdown:
    """The sizes that suit a model."""
    known = card(str(model.value))
    choices = presets(known, studio.limits.megapixels)
    return gr.Dropdown(choices, value=_usual(known), label="Size", filterable=False)


def size_form(studio: Studio, model: gr.Dropdown, preset: gr.Dropdown) -> SizeForm:
    """Sides that follow the preset, and hold to a ratio unless it is free."""
    known = card(str(model.value))
    usual = _usual(known)
    ratio = gr.Dropdown([*RATIOS, FREE], value="1:1", label="Ratio", filterable=False)
    with gr.Row(elem_classes="pair"):
        width = gr.Number(usual, label="Width", precision=0, step=known.factor)
        height = gr.Number(usual, label="Height", precision=0, step=known.factor)
    form = SizeForm(preset, ratio, width, height)
    _wire(form, model, studio.limits.megapixels)
    return form


def _usual(card: Card) -> int:
    """The side of a picture that nothing was said of."""
    return max(Request(model=card.checkpoint).size.times(card.factor))


def _wire(form: SizeForm, model: gr.Dropdown, most: float) -> None:
    preset, ratio, width, height = form.preset, form.ratio, form.width, form.height

    def of_model(model: str, ratio: str) -> tuple[Any, Any, Any]:
        known = card(model)
        wide, high = to_sides(known, side := _usual(known), ratio)
        return gr.update(choices=presets(known, most), value=side), wide, high

    def of_preset(model: str, longer: int, ratio: str) -> tuple[int, int]:
        return to_sides(card(model), longer, ratio)

    def of_ratio(model: str, ratio: str, width: int | None, height: int | None) -> Any:
        longer = max(width or 0, height or 0)
        return (
            (gr.skip(), gr.skip())
            if ratio == FREE or not longer
            else to_sides(card(model), longer, ratio)
        )

    def of_width(model: str, ratio: str, width: int | None, height: int | None) -> Any:
        known = card(model)
        if width and ratio != FREE:
            height = follow(known, ratio, width=width)
        return height, preset_of(known, most, width, height)

    def of_height(model: str, ratio: str, width: int | None, height: int | None) -> Any:
        known = card(model)
        if height and ratio != FREE:
            width = follow(known, ratio, height=height)
        return width, preset_of(known, most, width, height)

    model.input(of_model, [model, ratio], [preset, width, height], **QUIET)
    preset.input(of_preset, [model, preset, ratio], [width, height], **QUIET)
    ratio.input(of_ratio, [model, ratio, width, height], [width, height], **QUIET)
    sides = [model, ratio, width, height]
    width.input(of_width, sides, [height, preset], **QUIET)
    height.input(of_height, sides, [width, preset], **QUIET)
