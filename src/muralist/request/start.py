"""What a picture starts from in the place of noise: an image, read, or latents."""

from torch import Tensor

from muralist.canvas import Size
from muralist.errors import BadRequest
from muralist.models import Card
from muralist.photo import Given, Photo, photo
from muralist.request.target import check_ratio

__all__ = ["check_start", "origin", "pixels_of"]


def origin(image: Given | Tensor | None) -> Photo | Tensor | None:
    """An image, read; latents are left as they are. Raises `BadRequest` for what is neither."""
    return image if image is None or isinstance(image, Tensor) else photo(image)


def pixels_of(start: Photo | Tensor, card: Card) -> Size:
    """Its size in pixels, of latents that of their picture."""
    return start.size if isinstance(start, Photo) else Size(*start.shape[-2:]).times(card.factor)


def check_start(start: Photo | Tensor, card: Card, height: int | None, width: int | None) -> None:
    """Raises `BadRequest` for latents that are none of the model's, and for sides of another ratio
    than an image's, both in pixels.
    """
    if isinstance(start, Photo):
        check_ratio(card, start.size, height, width)
    elif start.ndim != 4 or start.shape[:2] != (1, card.channels) or not start.numel():
        raise BadRequest(
            f"the image is latents of shape {tuple(start.shape)}; 1 {card.channels} and two sides"
            " are needed"
        )
    elif not bool(start.isfinite().all()):
        raise BadRequest("the image is latents in which there are NaN or infinite values")
