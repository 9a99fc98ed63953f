"""Features of a vision transformer: what its tokens say of every patch of a picture."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from muralist.errors import ModelNotFound, UnsupportedModel
from muralist.models.files import read
from muralist.models.quiet import quiet

if TYPE_CHECKING:
    from transformers import PreTrainedModel

__all__ = ["KINDS", "VisionTransformer", "load"]

KINDS = ("dinov2", "dinov2_with_registers", "dinov3_vit")


@dataclass(frozen=True)
class VisionTransformer:
    """Pictures `B 3 H W` in [-1, 1] of any size to patch tokens `B D h w`, h w the whole patches.

    Pictures whose sides are no multiples of the patch are resized to the nearest. They and the
    features are where the caller has them, in float32, wherever the model is.
    """

    model: "PreTrainedModel"
    mean: tuple[float, ...]  # of red, green, blue in [0, 1], as the model was trained with
    deviation: tuple[float, ...]

    @torch.no_grad()
    def __call__(self, pictures: Tensor) -> Tensor:
        patch = self.model.config.patch_size
        height, width = (max(1, round(side / patch)) for side in pictures.shape[-2:])
        pixels = pictures.to(self.model.device, torch.float32)
        if pixels.shape[-2:] != (height * patch, width * patch):
            size = [height * patch, width * patch]
            pixels = F.interpolate(pixels, size, mode="bicubic", antialias=True)
        mean, deviation = (
            pixels.new_tensor(each).view(3, 1, 1) for each in (self.mean, self.deviation)
        )
        pixels = ((pixels + 1) / 2 - mean) / deviation
        tokens = self.model(pixel_values=pixels.to(self.model.dtype)).last_hidden_state
        # The class token, and registers where there are any, come first.
        features = tokens[:, -height * width :].mT.unflatten(2, (height, width))
        return features.to(pictures.device, torch.float32)


def load(folder: str | Path, device: str | torch.device = "cpu") -> VisionTransformer:
    """A vision transformer of the DINOv2 class from a local folder, as transformers saves it.

    It holds `config.json`, `preprocessor_config.json` and safetensors; nothing is fetched. Raises
    `ModelNotFound` where one is missing, and `UnsupportedModel` for another kind of model, before
    anything is loaded.
    """
    folder = Path(folder).expanduser()
    kind = _settings(folder, "config.json").get("model_type")
    if kind not in KINDS:
        raise UnsupportedModel(
            f"{str(folder)!r} is a model of type {kind!r}; features are had from {', '.join(KINDS)}"
        )
    processor = _settings(folder, "preprocessor_config.json")
    if not {"image_mean", "image_std"} <= set(processor):
        raise ModelNotFound(
            f"the preprocessor_config.json of {str(folder)!r} does not say image_mean and image_std"
        )
    if not list(folder.glob("*.safetensors")):
        raise ModelNotFound(f"there are no safetensors in {str(folder)!r}; no other files are read")
    quiet()
    from transformers import AutoModel

    model = AutoModel.from_pretrained(
        folder, local_files_only=True, use_safetensors=True, dtype=torch.float32
    )
    model.to(device).eval().requires_grad_(False)
    return VisionTransformer(model, tuple(processor["image_mean"]), tuple(processor["image_std"]))


def _settings(folder: Path, file: str) -> dict:
    try:
        return read(folder, file)
    except (OSError, ValueError) as error:
        raise ModelNotFound(
            f"there is no {file} that can be read in {str(folder)!r}; the local folder of a vision"
            f" transformer is needed"
        ) from error
