"""Pictures to files."""

from muralist.sinks.image import check_writable, read_settings, save
from muralist.sinks.sheet import lit, side_by_side

__all__ = ["check_writable", "lit", "read_settings", "save", "side_by_side"]
