"""DemoFusion with a prompt for every patch."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, repeat
from typing import Literal

from muralist.canvas import Size
from muralist.denoisers import Patched, PatchPrompted, Shuffled, Tiled
from muralist.methods.demofusion import DemoFusion
from muralist.patches import Probe
from muralist.query import Denoiser, Guided, Query
from muralist.settings import held, setting, validate
from muralist.stage import Explanation, Stage
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
        "words",
        "what of absent ones is left out: whole words, tokens as released, or only embeddings",
    )
    window_guidance_scale: float | None = setting(
        None, "guidance scale of the windows; as of the rest if unset", low=0
    )
    interaction: bool = setting(True, "subsamplings exchange cells before they are denoised")
    demofusion: DemoFusion = held(DemoFusion)

    def __post_init__(self) -> None:
        validate(self)

    def stages(self, model: Guided, size: Size) -> Iterator[Stage]:
        probe = Probe()
        near, base = self.near(model, probe), Tiled(Patched(model, probe), Strided(1))
        stages = self.demofusion.composed(
            model.native, size, base, near, lambda k: self.far(model, k)
        )
        yield from self._explained(stages, near, model.native)

    def enlarge(self, model: Guided, start: Size, size: Size) -> Iterator[Stage]:
        """The whole of a first stage as large as native is listened to, and told everything.

        Where the picture is larger there is no such stage: windows are told the whole prompt.
        """
        probe = Probe()
        near, listening = self.near(model, probe), Patched(model, probe)
        stages = self.demofusion.enlarged(
            model.native,
            start,
            size,
            lambda k: near.inner if k == 1 else near,
            lambda k: self.far(listening if k == 1 else model, k),
        )
        yield from self._explained(stages, near, model.native)

    def near(self, model: Guided, probe: Probe) -> PatchPrompted:
        scale = self.window_guidance_scale
        told = self.demofusion.placed(model if scale is None else model.led(scale))
        return PatchPrompted(told, probe, self.c, self.prompts)

    def far(self, model: Denoiser, k: int) -> Denoiser:
        subsamplings = Tiled(model, Strided(k))
        return Shuffled(subsamplings, k) if self.interaction else subsamplings

    def _explained(
        self, stages: Iterator[Stage], near: PatchPrompted, native: Size
    ) -> Iterator[Stage]:
        """The stages, with what was heard in the first and told in the others."""
        explains = chain([partial(_words, near)], repeat(partial(self._told, near, native)))
        for stage, explain in zip(stages, explains, strict=False):
            yield replace(stage, explain=explain, notes=near.probe)

    def _told(self, near: PatchPrompted, native: Size, q: Query) -> Explanation:
        """The windows of the step, and what each is told."""
        if not near.hears(q):
            return Explanation()
        asked = q.at(self.demofusion.windows(native)(q))
        texts = [" ".join(word.text for word in kept) for kept in near.kept(asked)]
        return Explanation(views=list(zip(asked.views, texts, strict=True)))


def _words(near: PatchPrompted, q: Query) -> Explanation:
    """For each word where it is looked at, and where it will be told."""
    if not near.hears(q):
        return Explanation()
    every, maps, masks = near.heard(q)
    shown = maps / maps.amax((1, 2), keepdim=True)
    pairs = [
        [(word.text, heat), (f"{word.text}: told", mask)]
        for word, heat, mask in zip(every, shown, masks, strict=True)
    ]
    return Explanation(maps=list(chain.from_iterable(pairs)))
