"""What is asked for, checked before anything is loaded."""

from muralist.request.request import LONGEST_PROMPT, Request, origin

__all__ = ["LONGEST_PROMPT", "Request", "origin"]
