"""Whether a picture is what its caption says."""

from dataclasses import dataclass

from torch import Tensor

from muralist.shapes.checker import read
from muralist.shapes.scene import parse_caption


@dataclass(frozen=True)
class Verdict:
    """What is right in a picture; colours and shapes are compared from left to right."""

    background: bool
    number: bool
    colours: bool
    shapes: bool
    likeness: float  # of the worst outline, 0 if there is no object

    @property
    def all(self) -> bool:
        """Everything that the caption says is there, and nothing else."""
        return self.background and self.number and self.colours and self.shapes


def judge(image: Tensor, caption: str) -> Verdict:
    """Compares a picture `3 H W` in [-1, 1] with a caption of the world, materials aside.

    Raises ValueError for a text that is not such a caption.
    """
    things, background = parse_caption(caption)
    reading = read(image)
    found = reading.objects
    return Verdict(
        background=reading.background == background,
        number=len(found) == len(things),
        colours=[one.colour for one in found] == [colour for _, colour, _ in things],
        shapes=[one.shape for one in found] == [shape for shape, _, _ in things],
        likeness=min((one.likeness for one in found), default=0.0),
    )
