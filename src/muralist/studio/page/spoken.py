"""What goes wrong behind the page, said in it in one sentence."""

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

import gradio as gr

from muralist.errors import MuralistError

__all__ = ["sentence", "spoken"]

_log = logging.getLogger(__name__)


def sentence(error: Exception) -> str:
    """For people. What is no refusal of ours is a fault, and goes to the log: with its traceback,
    but for what the disk refuses.
    """
    if isinstance(error, MuralistError):
        return " ".join(str(error).split())
    if isinstance(error, OSError) and error.strerror:  # it says where, too: nobody's business
        _log.error("a file of the gallery: %s", error)
        return f"the gallery's disk does not do it: {error.strerror}"
    _log.error("the page has a fault", exc_info=error)
    return f"muralist has a fault: {type(error).__name__}; the server's log has more"


def spoken(handler: Callable[..., Any]) -> Callable[..., Any]:
    """A handler whose errors are warnings in a corner of the page, which stays as it is."""

    @wraps(handler)
    def speaking(*args: Any, **kwargs: Any) -> Any:
        try:
            return handler(*args, **kwargs)
        except Exception as error:
            gr.Warning(sentence(error), title="")
            return gr.skip()

    return speaking
