"""What is painted by everybody: prompts, seeds and sizes."""

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from muralist.canvas import Size
from muralist.shapes.scene import MOST, Scene, parse_caption, random_scene

__all__ = ["Case", "captions", "cases", "is_caption"]

# Backgrounds that the checker cannot confuse with an object's colour in the light or the shade.
_APART: Mapping[str, tuple[str, ...]] = {
    "red": ("blue", "white", "black"),
    "orange": ("blue", "purple", "black"),
    "yellow": ("blue", "purple", "black"),
    "green": ("white", "purple", "red"),
    "cyan": ("red", "black", "purple"),
    "blue": ("yellow", "white", "red"),
    "purple": ("yellow", "white", "green"),
}
_SEED_STEP = 10_000  # from a prompt's seed to its next: more prompts or seeds change no others
_FIRST = 10**9  # seed of the first scene: none of the training's


@dataclass(frozen=True)
class Case:
    """A picture that everybody paints."""

    prompt: str
    seed: int
    size: Size  # in pixels

    @property
    def name(self) -> str:
        """Of its files, in a folder of its size: words for people, a digest against mix-ups."""
        words = re.sub(r"[^a-z0-9]+", "-", self.prompt.lower())[:60].strip("-")
        digest = blake2b(self.prompt.encode(), digest_size=4).hexdigest()
        return f"{words}-{digest}-{self.seed}"


def captions(count: int) -> list[str]:
    """Captions of scenes that no training has seen, three of four with one object.

    The words themselves are all in the training. Objects are on backgrounds well apart from them;
    captions are all different, and the first ones are the same however many there are.
    """
    drawn = (scene.caption for scene in _scenes() if _apart(scene))
    different: dict[str, None] = {}
    while len(different) < count:
        different[next(drawn)] = None
    return list(different)


def cases(prompts: Sequence[str], seeds: int, sizes: Sequence[Size]) -> list[Case]:
    """Every prompt with seeds of its own, at every size; what is done first is whole in itself."""
    return [
        Case(prompt, number + _SEED_STEP * again, size)
        for number, prompt in enumerate(prompts)
        for again in range(seeds)
        for size in sizes
    ]


def _scenes() -> Iterator[Scene]:
    return (random_scene(seed) for seed in itertools.count(_FIRST))


def _apart(scene: Scene) -> bool:
    return all(scene.background in _APART[thing.colour] for thing in scene.things)


def is_caption(prompt: str) -> bool:
    """Whether a prompt is a caption of the embedded world: it can be rendered, and checked."""
    try:
        things, _ = parse_caption(prompt)
    except ValueError:
        return False
    return len(things) <= MOST
