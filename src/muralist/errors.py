"""What can go wrong, in sentences a user can act on."""

__all__ = [
    "BadRequest",
    "ModelNotFound",
    "MuralistError",
    "NotFinite",
    "OutOfMemory",
    "UnsupportedModel",
    "WorkersLost",
]


class MuralistError(Exception):
    """The base of everything muralist raises on purpose."""


class BadRequest(MuralistError, ValueError):
    """A setting, size or name outside what is possible; nothing was started."""


class ModelNotFound(MuralistError, LookupError):
    """No model of that name, or no readable model in that folder."""


class UnsupportedModel(MuralistError, ValueError):
    """A model or scheduler that muralist's equations do not cover."""


class OutOfMemory(MuralistError, RuntimeError):
    """The device has no memory for the least that can be asked of it."""


class NotFinite(MuralistError, ArithmeticError):
    """The picture turned into NaN or infinity while it was painted."""


class WorkersLost(MuralistError, RuntimeError):
    """All workers died, and nobody is left to compute."""
