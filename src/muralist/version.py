"""Which muralist this is."""

from importlib.metadata import PackageNotFoundError, version

__all__ = ["__version__"]

try:
    __version__ = version("muralist")
except PackageNotFoundError:  # a source tree that is not installed
    __version__ = "0"
