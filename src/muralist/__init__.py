"""Pictures far larger than a pretrained image model was trained for, painted from many views.

    prompt --> Cond --+
                      |       +---------------- one stage -----------------+
    method.stages() --+-----> | begin: enlarge the last result, add noise  |
                              | every step:                                |--> next stage
                              |   estimate = denoise(x, query)             |
                              |   x        = solve(estimate, step)         |
                              +--------------------------------------------+
    last x --> decode, tile by tile --> file

A denoiser takes `(x, query)` and gives an `Estimate(x, x0)`: where we stand and where it leads.
Methods are expressions of denoisers: DemoFusion, for one, is
`Steered(Blended(Tiled(model, Grid), Filtered(Tiled(model, Strided), Blur)), Residual)`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from muralist.version import __version__

if TYPE_CHECKING:
    from muralist.errors import (
        BadRequest,
        ModelNotFound,
        MuralistError,
        NotFinite,
        OutOfMemory,
        UnsupportedModel,
        WorkersLost,
    )
    from muralist.events import (
        Event,
        Finished,
        Resumed,
        StageBegun,
        StageDone,
        Started,
        Ticked,
        TileCounted,
        TileDone,
    )
    from muralist.generation import PromptTooLong, generate
    from muralist.methods import METHODS, AccDiffusion, DemoFusion, MultiDiffusion, Pixelsmith
    from muralist.models import Checkpoint, Model, load, wrap
    from muralist.painting import paint
    from muralist.picture import Picture, StageResult
    from muralist.planning import Plan, plan
    from muralist.request import Request

__all__ = [
    "METHODS",
    "AccDiffusion",
    "BadRequest",
    "Checkpoint",
    "DemoFusion",
    "Event",
    "Finished",
    "Model",
    "ModelNotFound",
    "MultiDiffusion",
    "MuralistError",
    "NotFinite",
    "OutOfMemory",
    "Picture",
    "Pixelsmith",
    "Plan",
    "PromptTooLong",
    "Request",
    "Resumed",
    "StageBegun",
    "StageDone",
    "StageResult",
    "Started",
    "Ticked",
    "TileCounted",
    "TileDone",
    "UnsupportedModel",
    "WorkersLost",
    "__version__",
    "generate",
    "load",
    "paint",
    "plan",
    "wrap",
]

_HOMES = {
    "errors": (
        "BadRequest ModelNotFound MuralistError NotFinite OutOfMemory UnsupportedModel WorkersLost"
    ),
    "events": "Event Finished Resumed StageBegun StageDone Started Ticked TileCounted TileDone",
    "generation": "PromptTooLong generate",
    "methods": "METHODS AccDiffusion DemoFusion MultiDiffusion Pixelsmith",
    "models": "Checkpoint Model load wrap",
    "painting": "paint",
    "picture": "Picture StageResult",
    "planning": "Plan plan",
    "request": "Request",
}
_HOME = {name: module for module, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    """Imports torch only when a name that needs it is used: `muralist --help` stays quick."""
    if name not in _HOME:
        raise AttributeError(f"module 'muralist' has no attribute {name!r}")
    return getattr(import_module(f"muralist.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
