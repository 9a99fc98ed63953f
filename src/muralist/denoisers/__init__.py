"""Denoisers made of denoisers."""

from muralist.denoisers.cfg import CFG
from muralist.denoisers.combine import (
    Blended,
    Corrected,
    Filtered,
    Framed,
    Relabelled,
    Steered,
    Unplaced,
)
from muralist.denoisers.guider import Guider
from muralist.denoisers.patched import Patched
from muralist.denoisers.prompted import PatchPrompted
from muralist.denoisers.relay import Relay
from muralist.denoisers.shuffled import Shuffled
from muralist.denoisers.tiled import Tiled
from muralist.denoisers.told import Told
from muralist.denoisers.uncontrolled import Uncontrolled

__all__ = [
    "CFG",
    "Blended",
    "Corrected",
    "Filtered",
    "Framed",
    "Guider",
    "PatchPrompted",
    "Patched",
    "Relabelled",
    "Relay",
    "Shuffled",
    "Steered",
    "Tiled",
    "Told",
    "Uncontrolled",
    "Unplaced",
]
