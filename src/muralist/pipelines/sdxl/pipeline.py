"""A custom pipeline of diffusers: Stable Diffusion XL, painted by muralist."""

from typing import Any

import torch
from diffusers.pipelines.stable_diffusion_xl.pipeline_output import StableDiffusionXLPipelineOutput
from diffusers.pipelines.stable_diffusion_xl.pipeline_stable_diffusion_xl import (
    StableDiffusionXLPipeline,
)

from muralist.pipelines import images


class MuralistPipeline(StableDiffusionXLPipeline):
    """Called as the pipeline it is, with the settings of `muralist.paint` besides."""

    @torch.no_grad()
    def __call__(  # type: ignore
        self,
        prompt: str | list[str] | None = None,
        *,
        num_images_per_prompt: int | None = 1,
        output_type: str = "pil",
        return_dict: bool = True,
        **settings: Any,
    ) -> Any:
        """Paints; as `images` says."""
        made = images(self, prompt, num_images_per_prompt, output_type, settings)
        return StableDiffusionXLPipelineOutput(images=made) if return_dict else (made,)
