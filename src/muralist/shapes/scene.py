"""What a picture of the little world is: one or two things on a background, and its caption.

Lengths are in units of the native side (128 pixels): a square picture's frame is 1 by 1, x runs
right, y runs down, and the origin is the frame's top left corner.
"""

import math
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

SHAPES = ("circle", "square", "triangle", "star", "ring")
MATERIALS = ("plain", "striped", "dotted")
MOST = 2  # things in a scene

# Red, green, blue in [0, 1].
RGB: dict[str, tuple[float, float, float]] = {
    "red": (0.86, 0.10, 0.12),
    "orange": (1.00, 0.52, 0.05),
    "yellow": (0.98, 0.88, 0.12),
    "green": (0.12, 0.62, 0.22),
    "cyan": (0.20, 0.82, 0.88),
    "blue": (0.12, 0.25, 0.85),
    "purple": (0.52, 0.16, 0.72),
    "pink": (0.98, 0.66, 0.80),
    "white": (0.95, 0.95, 0.95),
    "grey": (0.50, 0.50, 0.50),
    "black": (0.06, 0.06, 0.06),
}
COLOURS = ("red", "orange", "yellow", "green", "cyan", "blue", "purple")
BACKGROUNDS = ("red", "yellow", "green", "blue", "purple", "pink", "white", "grey", "black")

# Bounding radius of each shape over its `radius`: shapes of one radius cover similar areas.
EXTENT = {"circle": 1.0, "square": 1.25, "triangle": 1.35, "star": 1.3, "ring": 1.1}


@dataclass(frozen=True)
class Thing:
    """One object: what it is, and where."""

    shape: str
    colour: str
    material: str
    x: float  # centre
    y: float
    radius: float  # of the circle of similar area
    turn: float = 0.0  # radians, of the outline
    grain: float = 0.0  # radians, of the material

    @property
    def phrase(self) -> str:
        """The thing in words: "a striped red circle"."""
        words = [self.colour, self.shape]
        if self.material != "plain":
            words.insert(0, self.material)
        return f"{_article(words[0])} {' '.join(words)}"


@dataclass(frozen=True)
class Scene:
    """Things, from left to right, on a background; `caption` says them."""

    things: tuple[Thing, ...]
    background: str
    slope: float = 0.0  # relative brightening of the background across the frame
    slant: float = 0.0  # radians, the direction of brightening
    width: float = 1.0
    height: float = 1.0

    @property
    def caption(self) -> str:
        """The scene in words: "a green star and a yellow square on a grey background"."""
        things = " and ".join(thing.phrase for thing in self.things)
        return f"{things} on {_article(self.background)} {self.background} background"


def parse_caption(caption: str) -> tuple[tuple[tuple[str, str, str], ...], str]:
    """Things as (shape, colour, material), left to right, and the background of a caption.

    Raises ValueError for text that is not a scene's caption.
    """
    match = re.fullmatch(r"(.+) on an? (\w+) background", caption.strip())
    if not match or match[2] not in BACKGROUNDS:
        raise ValueError(f"{caption!r} is not a caption of the shapes world")
    return tuple(_parse_phrase(phrase) for phrase in match[1].split(" and ")), match[2]


def random_scene(
    seed: int | random.Random, width: float = 1.0, height: float = 1.0, pair: float = 0.25
) -> Scene:
    """A scene drawn by `seed`: two things with probability `pair`, otherwise one larger thing.

    Width and height are the frame's, at least 0.5, in units of the native side.
    """
    draw = seed if isinstance(seed, random.Random) else random.Random(seed)
    background = draw.choice(BACKGROUNDS)
    colours = [colour for colour in COLOURS if colour != background]
    if draw.random() < pair:
        things = _two(draw, colours, width, height)
    else:
        things = (_one(draw, colours, width, height),)
    return _lit(draw, things, background, width, height)


def random_scenes(seed: int, count: int) -> list[Scene]:
    """`count` square scenes drawn by one seed."""
    draw = random.Random(seed)
    return [random_scene(draw) for _ in range(count)]


def scenes_of(
    caption: str, seed: int, count: int, width: float = 1.0, height: float = 1.0
) -> list[Scene]:
    """`count` scenes that a caption says, drawn by one seed as `random_scene` draws them.

    Things, colours, materials, their order and the background are the caption's; places, sizes,
    turns and light are drawn. Raises ValueError for a text that is no caption of one or two things.
    """
    described, background = parse_caption(caption)
    if len(described) > MOST:
        raise ValueError(f"{caption!r} has {len(described)} things; scenes have one or two")
    draw = random.Random(seed)
    return [_said(draw, described, background, width, height) for _ in range(count)]


def vocabulary() -> list[str]:
    """Every word that a caption can hold."""
    words = {*SHAPES, *MATERIALS[1:], *COLOURS, *BACKGROUNDS, "a", "an", "and", "on", "background"}
    return sorted(words)


def _said(
    draw: random.Random,
    described: Sequence[tuple[str, str, str]],
    background: str,
    width: float,
    height: float,
) -> Scene:
    if len(described) == 1:
        places = [_alone(draw, described[0][0], width, height)]
    else:
        spans = _halves(draw, width)
        places = [
            _within(draw, shape, span, height)
            for (shape, _, _), span in zip(described, spans, strict=True)
        ]
    things = tuple(
        _turned(draw, *what, *place) for what, place in zip(described, places, strict=True)
    )
    return _lit(draw, things, background, width, height)


def _one(draw: random.Random, colours: Sequence[str], width: float, height: float) -> Thing:
    shape = draw.choice(SHAPES)
    place = _alone(draw, shape, width, height)
    return _thing(draw, shape, draw.choice(colours), *place)


def _two(draw: random.Random, colours: Sequence[str], width: float, height: float):
    spans, things = _halves(draw, width), []
    for span, colour in zip(spans, draw.sample(colours, 2), strict=True):
        shape = draw.choice(SHAPES)
        things.append(_thing(draw, shape, colour, *_within(draw, shape, span, height)))
    return tuple(things)


def _thing(
    draw: random.Random, shape: str, colour: str, x: float, y: float, radius: float
) -> Thing:
    material = "plain" if draw.random() < 0.6 else draw.choice(MATERIALS[1:])
    return _turned(draw, shape, colour, material, x, y, radius)


def _turned(
    draw: random.Random, shape: str, colour: str, material: str, x: float, y: float, radius: float
) -> Thing:
    turn = draw.uniform(-math.pi / 12, math.pi / 12)
    return Thing(shape, colour, material, x, y, radius, turn, draw.uniform(0.0, math.pi))


def _lit(
    draw: random.Random, things: tuple[Thing, ...], background: str, width: float, height: float
) -> Scene:
    slope, slant = draw.uniform(0.0, 0.16), draw.uniform(0.0, 2 * math.pi)
    return Scene(things, background, slope, slant, width, height)


def _halves(draw: random.Random, width: float) -> tuple[tuple[float, float], tuple[float, float]]:
    middle = width * draw.uniform(0.47, 0.53)
    return (0.0, middle), (middle, width)


def _alone(
    draw: random.Random, shape: str, width: float, height: float
) -> tuple[float, float, float]:
    """Centre and radius of the only thing in a frame."""
    radius = draw.uniform(0.22, 0.34) * min(1.0, width, height)
    return *_inside(draw, shape, radius, 0.0, width, height), radius


def _within(
    draw: random.Random, shape: str, span: tuple[float, float], height: float
) -> tuple[float, float, float]:
    """Centre and radius of a thing that keeps to its part of the frame."""
    left, right = span
    largest = 0.47 * min(right - left, height) / EXTENT[shape]
    radius = min(draw.uniform(0.13, 0.19), largest)
    return *_inside(draw, shape, radius, left, right, height), radius


def _inside(
    draw: random.Random, shape: str, radius: float, left: float, right: float, height: float
) -> tuple[float, float]:
    reach = radius * EXTENT[shape]
    margin_x = min(reach + 0.01, (right - left) / 2)
    margin_y = min(reach + 0.01, height / 2)
    x = draw.uniform(left + margin_x, right - margin_x)
    return x, draw.uniform(margin_y, height - margin_y)


def _article(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"


def _parse_phrase(phrase: str) -> tuple[str, str, str]:
    match = re.fullmatch(r"an? (?:(striped|dotted) )?(\w+) (\w+)", phrase)
    if not match or match[2] not in COLOURS or match[3] not in SHAPES:
        raise ValueError(f"{phrase!r} is not a thing of the shapes world")
    return match[3], match[2], match[1] or "plain"
