"""A custom pipeline of diffusers: Stable Diffusion 1 and 2, painted by muralist."""

from typing import Any

import torch
from diffusers.pipelines.stable_diffusion.pipeline_output import StableDiffusionPipelineOutput
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline

from muralist.pipelines import images


class MuralistPipeline(StableDiffusionPipeline):
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
        if not return_dict:
            return made, None
        return StableDiffusionPipelineOutput(images=made, nsfw_content_detected=None)
