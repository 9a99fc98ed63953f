"""Pictures to files."""

from muralist.sinks.endings import (
    check_space,
    check_writable,
    file_bytes,
    read_settings,
    save,
)
from muralist.sinks.sheet import lit, side_by_side
from muralist.sinks.spool import spooled_bytes, unpainted

__all__ = [
    "check_space",
    "check_writable",
    "file_bytes",
    "lit",
    "read_settings",
    "save",
    "side_by_side",
    "spooled_bytes",
    "unpainted",
]
