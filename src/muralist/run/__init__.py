"""Where views are computed."""

from muralist.run.local import Batches

__all__ = ["Batches"]
