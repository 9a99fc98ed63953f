"""MultiDiffusion and DemoFusion as one writes them on a first day: one view at a time, all kept.

The slow reference of the tests and of the cost table. Nothing of muralist is used: views are cut
by slices, every view is stepped by a diffusers scheduler of its own index, and canvases are in
that scheduler's units. Windows and noise come from outside, so that pictures can be compared.
"""

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["Box", "Network", "Windows", "plain_demofusion", "plain_multidiffusion"]

Box: TypeAlias = tuple[int, int, int, int]  # top, left, bottom, right in cells of the canvas
Windows: TypeAlias = Callable[[int, int], Sequence[Box]]  # of a stage from 1, at a step from 0


class Network:
    """The UNet of a Stable Diffusion (XL) pipeline under guidance, for one view `1 C h w`.

    Both halves, without and with the prompt, go through it in one batch of two. `pixels` are the
    height and width of the finished picture, which SDXL is told at every stage.
    """

    def __init__(
        self,
        pipe: Any,
        prompt: str,
        negative_prompt: str | None,
        guidance_scale: float,
        pixels: tuple[int, int],
    ) -> None:
        self.pipe = pipe
        self.guidance_scale = guidance_scale
        self.pixels = pixels
        self.factor = 2 ** (len(pipe.vae.config.block_out_channels) - 1)  # pixels per latent cell
        self.evaluations = 0
        self.embeds, self.pooled = _encoded(pipe, prompt, negative_prompt)

    def __call__(self, x: Tensor, t: Tensor, crop: tuple[int, int]) -> Tensor:
        """The guided output for scaled latents at timestep t; `crop` is top and left in pixels."""
        self.evaluations += 1
        unet = self.pipe.unet
        output = unet(
            torch.cat([x, x]).to(unet.dtype),
            t,
            encoder_hidden_states=self.embeds,
            added_cond_kwargs=self._added(crop),
        ).sample
        without, given = output.to(x.dtype).chunk(2)
        return without + self.guidance_scale * (given - without)

    def decode(self, latents: Tensor) -> Tensor:
        """The whole picture at once: `1 3 H W`, 0 to 1."""
        vae = self.pipe.vae
        if vae.dtype == torch.float16 and vae.config.force_upcast:
            vae.to(torch.float32)
        latents = latents.to(vae.dtype) / vae.config.scaling_factor
        return (vae.decode(latents).sample.float() / 2 + 0.5).clamp(0, 1)

    def _added(self, crop: tuple[int, int]) -> dict[str, Tensor] | None:
        if self.pooled is None:
            return None
        ids = torch.tensor([[*self.pixels, *crop, *self.pixels]] * 2, device=self.pooled.device)
        return {"text_embeds": self.pooled, "time_ids": ids}


def _encoded(pipe: Any, prompt: str, negative: str | None) -> tuple[Tensor, Tensor | None]:
    """Embeddings of the negative prompt and of the prompt, and pooled ones where there are."""
    device = pipe._execution_device
    if getattr(pipe, "text_encoder_2", None) is None:
        given, without = pipe.encode_prompt(prompt, device, 1, True, negative_prompt=negative)
        return torch.cat([without, given]), None
    given, without, pooled, pooled_without = pipe.encode_prompt(
        prompt, device=device, negative_prompt=negative
    )
    return torch.cat([without, given]), torch.cat([pooled_without, pooled])


@torch.no_grad()
def plain_multidiffusion(
    network: Network, noise: Tensor, windows: Windows, num_inference_steps: int
) -> Iterator[Tensor]:
    """Bar-Tal et al., 2023: every window stepped alone, then averaged. Yields the latents."""
    scheduler = _scheduler(network.pipe, num_inference_steps, noise.device)
    x = noise * scheduler.init_noise_sigma
    for i in range(num_inference_steps):
        x = _local(network, scheduler, x, i, windows(1, i), frame=0)
    yield x


@torch.no_grad()
def plain_demofusion(
    network: Network,
    noises: Sequence[Tensor],
    windows: Windows,
    num_inference_steps: int,
    *,
    frame: int,
    cosine_scales: tuple[float, float, float] = (3.0, 1.0, 1.0),
    sigma: float = 0.8,
    padded_crop_ids: bool = False,
) -> Iterator[Tensor]:
    """Du et al., 2024: scale by scale. Yields the latents of every stage.

    `noises` has one standard normal tensor for every stage, whose sizes are the stages'. `frame`
    (J) is how far windows may hang over the canvas; with `padded_crop_ids` crop coordinates are
    counted from the corner of that frame, as in the published code.
    """
    scheduler = _scheduler(network.pipe, num_inference_steps, noises[0].device)
    timesteps, T = scheduler.timesteps, scheduler.config.num_train_timesteps
    x = noises[0] * scheduler.init_noise_sigma
    for i in range(num_inference_steps):
        x = _step(scheduler, i, _output(network, scheduler, i, x), x)
    yield x
    mean, std = x.mean(), x.std()
    for s, noise in enumerate(noises[1:], start=2):
        x0_up = F.interpolate(x, size=noise.shape[-2:], mode="bicubic", align_corners=False)
        z = [scheduler.add_noise(x0_up, noise, t[None]) for t in timesteps]
        x = z[0]
        for i, t in enumerate(timesteps):
            k = 0.5 * (1 + math.cos(math.pi * (T - float(t)) / T))
            c1, c2, c3 = (k**power for power in cosine_scales)
            x = (1 - c1) * x + c1 * z[i]
            near = _local(network, scheduler, x, i, windows(s, i), frame, padded_crop_ids)
            far = _dilated(network, scheduler, x, i, s, sigma * (0.99 * c3 + 0.01))
            x = (1 - c2) * near + c2 * far
        x = (x - x.mean()) / x.std() * std + mean
        yield x


def _scheduler(pipe: Any, num_inference_steps: int, device: torch.device) -> Any:
    scheduler = copy.deepcopy(pipe.scheduler)
    scheduler.set_timesteps(num_inference_steps, device=device)
    return scheduler


def _output(
    network: Network,
    scheduler: Any,
    i: int,
    view: Tensor,
    crop: tuple[int, int] = (0, 0),
) -> Tensor:
    """What the network says of a view at step i."""
    scheduler._step_index = i  # Euler scales by its own index, and counts on after every step
    t = scheduler.timesteps[i]
    return network(scheduler.scale_model_input(view, t), t, crop)


def _step(scheduler: Any, i: int, output: Tensor, view: Tensor) -> Tensor:
    """A view at the level of step i + 1."""
    scheduler._step_index = i
    return scheduler.step(output, scheduler.timesteps[i], view).prev_sample


def _local(
    network: Network,
    scheduler: Any,
    x: Tensor,
    i: int,
    boxes: Sequence[Box],
    frame: int,
    padded_crop_ids: bool = False,
) -> Tensor:
    """Windows of the canvas, in a frame of zeros, each stepped alone; then their mean."""
    offset = 0 if padded_crop_ids else frame
    padded = F.pad(x, (frame, frame, frame, frame))
    value, count = torch.zeros_like(padded), torch.zeros_like(padded)
    for box in boxes:
        top, left, bottom, right = (at + frame for at in box)
        view = padded[:, :, top:bottom, left:right]
        # a window that hangs over begins where the canvas does
        crop = (max(top - offset, 0) * network.factor, max(left - offset, 0) * network.factor)
        output = _output(network, scheduler, i, view, crop)
        value[:, :, top:bottom, left:right] += _step(scheduler, i, output, view)
        count[:, :, top:bottom, left:right] += 1
    height, width = x.shape[-2:]
    inside = (..., slice(frame, frame + height), slice(frame, frame + width))
    return value[inside] / count[inside]


def _dilated(network: Network, scheduler: Any, x: Tensor, i: int, s: int, std: float) -> Tensor:
    """The s^2 subsamplings: each stepped from x, by what the network says of the blurred x.

    The blur is of the canvas itself. The published code blurs it with its padding of up to s - 1
    rows and columns of zeros, whose statistics then count where s does not divide the canvas.
    """
    height, width = x.shape[-2:]
    top, left = -height % s, -width % s
    padded = F.pad(x, (left, 0, top, 0))
    blurred = F.pad(_blurred(x, s, std), (left, 0, top, 0))
    value = torch.zeros_like(padded)
    for p in range(s):
        for q in range(s):
            output = _output(network, scheduler, i, blurred[:, :, p::s, q::s])
            value[:, :, p::s, q::s] = _step(scheduler, i, output, padded[:, :, p::s, q::s])
    return value[:, :, top:, left:]


def _blurred(x: Tensor, s: int, std: float) -> Tensor:
    """A Gaussian of 2 s - 1 taps each way, zeros outside; mean and deviation restored."""
    at = torch.arange(2 * s - 1, device=x.device) - (s - 1)
    taps = torch.exp(-0.5 * (at / std) ** 2)
    taps = taps / taps.sum()
    channels = x.shape[1]
    kernel = torch.outer(taps, taps).to(x.dtype).repeat(channels, 1, 1, 1)
    blurred = F.conv2d(x, kernel, padding=s - 1, groups=channels)
    return (blurred - blurred.mean()) / blurred.std() * x.std() + x.mean()
