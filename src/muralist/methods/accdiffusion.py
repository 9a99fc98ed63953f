"""DemoFusion with a prompt for every patch."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from muralist.canvas import Size
from muralist.denoisers import Patched, PatchPrompted, Shuffled, Tiled
from muralist.methods.demofusion import DemoFusion
from muralist.patches import Probe
from muralist.query import Denoiser, Guided, Painter
from muralist.settings import held, setting, validate
from muralist.stage import Stage
from muralist.views import Strided

__all__ = ["AccDiffusion"]


@dataclass(frozen=True, kw_only=True)
class AccDiffusion:
    """Lin et al., 2024. DemoFusion; windows are told only what is in them, subsamplings interact.

    While the first stage paints, its cross-attention tells where each word of the prompt is looked
    at. Later, each window is asked with the words that cover at least the share `c` of it; and
    the subsamplings exchange cells at random before they are denoised.
    """

    c: float = setting(0.3, "share of a window that a word must cover to be told", low=0, high=1)
    prompts: Literal["words", "tokens", "embeddings"] = setting(
        "words", "absent ones are left out: words, tokens as released, or their embeddings alone"
    )
    window_guidance_scale: float | None = setting(
        None, "guidance scale of the windows; as of the rest if unset", low=0
    )
    interaction: bool = setting(True, "subsamplings exchange cells before they are denoised")
    demofusion: DemoFusion = held(DemoFusion)

    def __post_init__(self) -> None:
        validate(self)

    def stages(self, model: Guided, size: Size) -> Iterator[Stage]:
        probe, scale = Probe(), self.window_guidance_scale
        base = Tiled(Patched(model, probe), Strided(1))
        told = self.demofusion.placed(model if scale is None else model.led(scale))
        near = PatchPrompted(told, probe, self.c, self.prompts)
        yield from self.demofusion.composed(
            model.native, size, base, near, lambda k: self.far(model, k)
        )

    def far(self, model: Painter, k: int) -> Denoiser:
        subsamplings = Tiled(model, Strided(k))
        return Shuffled(subsamplings, k) if self.interaction else subsamplings
