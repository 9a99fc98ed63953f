"""Looks into a network while it runs, and leaves no trace."""

from muralist.patches.probe import Probe

__all__ = ["Probe"]
