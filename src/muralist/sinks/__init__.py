"""Pictures to files."""

from muralist.sinks.image import check_writable, read_settings, save

__all__ = ["check_writable", "read_settings", "save"]
