"""Studios for tests, and waiting for what they paint."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from muralist.request import Request
from muralist.studio.gallery import Gallery
from muralist.studio.painter import Means, Painter
from muralist.studio.studio import Limits, Studio
from muralist.studio.work import OPEN, Work

MODELS = ("shapes", "toy")


@contextmanager
def opened(folder: Path, *, start: bool = True, **settings) -> Iterator[Studio]:
    """A studio that paints, closed at the end as by Ctrl-C."""
    gallery = Gallery(folder)
    painter = Painter(gallery, settings.pop("means", Means()))
    if start:
        painter.start()
    try:
        limits = settings.pop("limits", Limits())
        yield Studio(gallery, painter, settings.pop("models", MODELS), limits, **settings)
    finally:
        painter.close()
        gallery.close()


def toy(studio: Studio, **changed) -> Request:
    """A picture of three stages that takes a tenth of a second."""
    asked = {"prompt": "a wave", "height": 48, "width": 40, "num_inference_steps": 5}
    return studio.request(**{"model": "toy", **asked, **changed})


def until(what: Callable[[], bool], seconds: float = 60.0) -> None:
    ends = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < ends, "it never came"
        time.sleep(0.005)


def settled(*works: Work) -> None:
    """Waits until nobody waits for these pictures any more."""
    until(lambda: not any(work.record.state in OPEN for work in works))
