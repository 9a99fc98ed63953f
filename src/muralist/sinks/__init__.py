"""Pictures to files."""

from muralist.sinks.endings import check_space, check_writable, read_settings, save
from muralist.sinks.sheet import lit, side_by_side
from muralist.sinks.spool import unpainted

__all__ = [
    "check_space",
    "check_writable",
    "lit",
    "read_settings",
    "save",
    "side_by_side",
    "unpainted",
]
