"""Pictures to files."""

from muralist.sinks.endings import (
    amount,
    check_space,
    check_writable,
    file_bytes,
    read_settings,
    save,
)
from muralist.sinks.resize import resized
from muralist.sinks.sheet import lit, panel, side_by_side
from muralist.sinks.spool import Room, spooled_bytes, unpainted

__all__ = [
    "Room",
    "amount",
    "check_space",
    "check_writable",
    "file_bytes",
    "lit",
    "panel",
    "read_settings",
    "resized",
    "save",
    "side_by_side",
    "spooled_bytes",
    "unpainted",
]
