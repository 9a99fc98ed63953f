"""Looks into a network while it runs, and leaves no trace."""

from muralist.patches.norms import Moments, Statistics, met_after, normed_by
from muralist.patches.probe import Probe

__all__ = ["Moments", "Probe", "Statistics", "met_after", "normed_by"]
