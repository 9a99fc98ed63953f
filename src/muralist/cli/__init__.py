"""The command line: `muralist paint`, `plan`, `methods`, `info`."""

from muralist.cli.main import main

__all__ = ["main"]
