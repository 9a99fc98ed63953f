"""Structure: what x is held to, and through which lens it is seen."""

from muralist.guides.blur import Blur
from muralist.guides.phase import Checkerboard, PhaseMix
from muralist.guides.reference import Reference
from muralist.guides.residual import Residual

__all__ = ["Blur", "Checkerboard", "PhaseMix", "Reference", "Residual"]
