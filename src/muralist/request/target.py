"""How large a picture becomes, of what was asked and of the picture it starts from."""

from muralist.canvas import Size
from muralist.errors import BadRequest
from muralist.models import Card

__all__ = ["LARGEST", "check_ratio", "enlarged_size", "painted_size", "same_ratio"]

LARGEST = 2**20  # pixels a side
_SIDES = 4  # native ones, if nothing is said
_LEAST = 2.0  # times a picture, if nothing is said


def painted_size(card: Card, height: int | None, width: int | None) -> Size:
    """The canvas of a picture from noise; a square of one side, four native sides of none."""
    native = card.native.times(_SIDES * card.factor)
    return card.latent(height or width or native.height, width or height or native.width)


def enlarged_size(
    card: Card, image: Size, height: int | None, width: int | None, scale: float | None
) -> Size:
    """The canvas of a picture, given in pixels, that is enlarged: the whole cells nearest to it.

    Of one side, the other follows. Of nothing, the longer side becomes four native ones, and twice
    what it is at least. Raises `BadRequest` for both a scale and a side, and for what is smaller
    than the picture or too large.
    """
    if scale is not None and (height or width):
        raise BadRequest(f"scale is {scale:g}, and there is a size; give one of them")
    if height and width:
        size = card.nearest(height, width)
    else:
        times = _side(height, image.height) or _side(width, image.width) or scale
        times = times or max(_SIDES * card.factor * max(card.native) / max(image), _LEAST)
        if times * max(image) > LARGEST:
            raise BadRequest(
                f"an image of {image} pixels is too large to become {times:g} times that;"
                f" {LARGEST / max(image):.6g} times are possible"
            )
        size = card.nearest(times * image.height, times * image.width)
    least = card.nearest(*image)
    if size.height < least.height or size.width < least.width:
        raise BadRequest(
            f"a picture of {size.times(card.factor)} pixels is smaller than its image of {image}"
        )
    return size


def _side(asked: int | None, given: int) -> float | None:
    return asked and asked / given


def check_ratio(card: Card, image: Size, height: int | None, width: int | None) -> None:
    """Raises `BadRequest` for sides of another ratio than the picture's, by more than a cell."""
    if not (height and width):
        return
    if not same_ratio(card, image, height, width):
        high, wide = _fitting(image, height, width)
        fit = (card.nearest(high, width), card.nearest(height, wide))
        raise BadRequest(
            f"a picture of {Size(height, width)} pixels has another ratio than its image of"
            f" {image}; {' or '.join(str(size.times(card.factor)) for size in fit)} has the same"
        )


def same_ratio(card: Card, image: Size, height: int, width: int) -> bool:
    """Whether an image fits these sides to within a cell: a picture of it may be so large."""
    high, wide = _fitting(image, height, width)
    return min(abs(high - height), abs(wide - width)) <= card.factor


def _fitting(image: Size, height: int, width: int) -> tuple[float, float]:
    """As high as the image would be if it were so wide, and as wide if so high."""
    return width * image.height / image.width, height * image.width / image.height
