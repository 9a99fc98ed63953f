"""Works that hold pictures nobody had to paint."""

from pathlib import Path

import numpy as np

from muralist.request import Request
from muralist.sinks import save
from muralist.studio.work import Record, Work

__all__ = ["finished", "lines", "slopes", "toy_request"]


def toy_request(**changed) -> Request:
    asked = {"prompt": "a wave, at dusk", "height": 48, "width": 40, "num_inference_steps": 5}
    return Request(**{"model": "toy", **asked, **changed})


def finished(folder: Path, request: Request | None = None, **layers: np.ndarray) -> Work:
    """A work of these pictures: `stage_1` is the layer `stage-1`."""
    request = request or toy_request()
    work = Work.begun(folder, request, Record(owner="a", made=0.0, settings=request.to_json()))
    for name, pixels in layers.items():
        save(pixels, work.folder / f"{name.replace('_', '-')}.tif", request.to_json())
    return work


def slopes(height: int, width: int) -> np.ndarray:
    """Smooth, so that JPEG loses little, and different everywhere."""
    rows, columns = np.ogrid[:height, :width]
    channels = np.broadcast_arrays(rows * 255 / height, columns * 255 / width, 128)
    return np.stack(channels, axis=-1).astype(np.uint8)


def lines(height: int, width: int) -> np.ndarray:
    """Of a pixel, black and white: grey from afar."""
    columns = np.arange(width) % 2 * np.uint8(255)
    return np.broadcast_to(columns[None, :, None], (height, width, 3)).copy()
