"""What is asked for, checked before anything is loaded."""

from muralist.request.checks import LONGEST_PROMPT
from muralist.request.request import Request
from muralist.request.start import origin

__all__ = ["LONGEST_PROMPT", "Request", "origin"]
