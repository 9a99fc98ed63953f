"""`muralist studio`: what is typed, checked before anything is loaded, and how it ends."""

import logging
import os
import signal
import socket
import sys
import webbrowser
from collections.abc import Mapping, Sequence
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

from muralist.cli.options import Hands, Service
from muralist.cli.painting import device_here, dtype_named
from muralist.errors import BadRequest, MuralistError
from muralist.models import best_device
from muralist.request import Request
from muralist.run import check_workers
from muralist.studio.accounts import accounts
from muralist.studio.gallery import Gallery
from muralist.studio.listening import address, listening
from muralist.studio.painter import Means, Painter
from muralist.studio.studio import Limits, Studio

__all__ = ["run"]

_EMBEDDED = "shapes"


def run(service: Service, hands: Hands) -> None:
    """Serves until it is told to end: by Ctrl-C with exit code 130, by SIGTERM with 0.

    Raises `BadRequest`, `ModelNotFound` or `UnsupportedModel` for what cannot be served.
    """
    if find_spec("gradio") is None:
        raise BadRequest('the studio needs gradio; install it with: pip install "muralist[studio]"')
    known, limits, means = accounts(service.auth), _limits(service), _means(hands)
    models = _models(service.model, hands)
    folder = service.gallery or Path.home() / "muralist-gallery"
    with (
        listening(service.host, service.port, login=bool(known)) as at,
        closing(Gallery(folder)) as gallery,
    ):
        painter = Painter(gallery, means, Request(model=_EMBEDDED))
        studio = Studio(gallery, painter, models, limits, private=bool(known))
        code = _served(studio, at, known, service.open)
    sys.stdout.flush()
    # An estimate may still be computed for somebody in torch, which aborts where Python ends.
    os._exit(code)


def _served(studio: Studio, at: socket.socket, known: Mapping[str, str], browser: bool) -> int:
    """Serves until a signal comes; gives the exit code."""
    from muralist.studio.service import serving

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s: %(message)s")
    for sentence in studio.gallery.unread:
        print(f"muralist: left alone: {sentence}", file=sys.stderr)
    with serving(studio, at, known) as server:
        try:
            _obey_signals()
            there = f"{address(at)} (Ctrl-C ends it; pictures are in {studio.gallery.folder})"
            print(there, flush=True)
            if browser:
                webbrowser.open(address(at))
            server.join()
        except SystemExit as told:
            print("muralist: closing; the step that is computed ends first", file=sys.stderr)
            return int(told.code or 0)
        raise MuralistError("the server has ended by itself; its log says why")


def _obey_signals() -> None:
    """The first one ends what is served as it should end, the next one ends the process."""
    known = [getattr(signal, name, signal.SIGTERM) for name in ("SIGINT", "SIGTERM", "SIGHUP")]
    obeyed = [one for one in known if signal.getsignal(one) is not signal.SIG_IGN]

    def end(number: int, _: object) -> None:
        for one in obeyed:
            signal.signal(one, lambda number, _: os._exit(128 + number))
        raise SystemExit(130 if number == signal.SIGINT else 0)

    for one in obeyed:
        signal.signal(one, end)


def _limits(service: Service) -> Limits:
    given = {
        "megapixels": service.max_megapixels,
        "queue": service.max_queue,
        "upload": service.max_upload,
    }
    for name, number in given.items():
        if not number > 0:
            raise BadRequest(f"max-{name} is {number:g}; more than 0 is needed")
    return Limits(**given)


def _means(hands: Hands) -> Means:
    device, dtype = device_here(hands.device), dtype_named(hands.dtype)
    check_workers(hands.workers, hands.ray, device or best_device())
    return Means(device=device, dtype=dtype, limits=hands.limits())


def _models(given: Sequence[str], hands: Hands) -> Sequence[str]:
    """Those that are offered; each is known to be there, and to be painted so."""
    models = tuple(dict.fromkeys([_EMBEDDED, *given]))
    for model in models:
        Request(model=model, **hands.limits())
    return models
