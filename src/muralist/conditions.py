"""What ControlNets are shown, drawn of pictures. A tile ControlNet is shown the picture itself."""

from importlib.util import find_spec

import numpy as np

from muralist.errors import BadRequest

__all__ = ["canny", "check_canny"]


def canny(image: np.ndarray, sigma: float = 0.66) -> np.ndarray:
    """The edges of a picture, white on black (Canny, 1986); both `height width 3`, uint8, sRGB.

    Between the thresholds 1 - sigma and 1 + sigma times the median of all values: a larger `sigma`
    (0 to 1) finds more of them to go on, and asks more of where they begin. At each pixel, the
    channel with the largest gradient counts. Raises `BadRequest` where OpenCV is missing.
    """
    check_canny()
    import cv2

    median = float(np.median(image))
    low, high = int(max(0.0, (1 - sigma) * median)), int(min(255.0, (1 + sigma) * median))
    return np.repeat(cv2.Canny(np.ascontiguousarray(image), low, high)[..., None], 3, axis=2)


def check_canny() -> None:
    """Raises `BadRequest` where OpenCV is missing."""
    if find_spec("cv2") is None:
        raise BadRequest('edges need OpenCV; install it with: pip install "muralist[control]"')
