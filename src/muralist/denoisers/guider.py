"""Guidance by diffusers' guiders."""

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from muralist.canvas import Size
from muralist.errors import BadRequest
from muralist.query import Estimate, Painter, Query

__all__ = ["Guider"]


@dataclass(frozen=True)
class Guider:
    """A network led by one of diffusers' guiders (`diffusers.guiders`), instead of by `CFG`.

    The guider says which halves to ask for, alters the network for some of them, and combines the
    answers. Those that carry momentum from one call to the next are refused: calls are about
    different views.
    """

    inner: Painter
    guider: Any

    def __post_init__(self) -> None:
        for name, value in self.guider.config.items():
            if "momentum" in name and value is not None:
                raise BadRequest(f"{name} is {value}; views share no momentum: None is needed")

    @classmethod
    def pag(
        cls, inner: Painter, guidance_scale: float, scale: float, rescale: float = 0.0
    ) -> "Guider":
        """Guidance also away from what a UNet says without the self-attention of its middle.

        There, each position keeps its own value (Ahn et al., 2024). At every step;
        `guidance_scale` is above 1.
        """
        from diffusers.guiders.perturbed_attention_guidance import PerturbedAttentionGuidance
        from diffusers.hooks.layer_skip import LayerSkipConfig

        middle = LayerSkipConfig(
            indices=list(range(100)),  # all there are
            fqn="mid_block.attentions.0.transformer_blocks",
            skip_attention=False,
            skip_attention_scores=True,
            skip_ff=False,
        )
        return cls(
            inner,
            PerturbedAttentionGuidance(
                guidance_scale=guidance_scale,
                perturbed_guidance_scale=scale,
                perturbed_guidance_start=-1.0,  # else the first step would be left out
                perturbed_guidance_stop=1.0,
                perturbed_guidance_config=middle,
                guidance_rescale=rescale,
            ),
        )

    def __reduce__(self) -> tuple:
        # what a guider was told last is told anew with each question
        return Guider, (self.inner, self.guider.new())

    @property
    def native(self) -> Size:
        return self.inner.native

    @property
    def network(self) -> nn.Module | None:
        return self.inner.network

    def led(self, scale: float) -> "Guider":
        if scale <= 1:
            raise BadRequest(f"guidance scale is {scale}; beside perturbed attention it is above 1")
        return replace(self, guider=self.guider.new(guidance_scale=scale))

    def __call__(self, x: Tensor, q: Query) -> Estimate:
        step, count = q.step, len(x)
        negative = q.cond if q.negative is None else q.negative
        conds = (q.cond.rows(count), negative.rows(count))
        self.guider.set_state(step.index, step.count, torch.tensor(step.timestep))
        asked = self.guider.prepare_inputs({"cond": conds})
        for one in asked:
            answer = self._answer(x, replace(q, cond=one.cond, negative=None))
            # guiders combine what networks say: x0 = carry * x - gain * output
            one.x, one.noise_pred = answer.x, (step.carry * answer.x - answer.x0) / step.gain
        x = asked[0].x  # the prompt's
        return Estimate(x, step.carry * x - step.gain * self.guider(asked).pred)

    def _answer(self, x: Tensor, q: Query) -> Estimate:
        if self.network is None:
            return self.inner(x, q)
        self.guider.prepare_models(self.network)
        try:
            return self.inner(x, q)
        finally:
            self.guider.cleanup_models(self.network)
