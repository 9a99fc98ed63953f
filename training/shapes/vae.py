"""The autoencoder: pictures to latents of a quarter of the side, which bear resampling."""

import math
import random
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from torch import Generator, Tensor
from torch.optim import Optimizer

from muralist.shapes.render import NATIVE, render
from muralist.shapes.scene import random_scene
from training.shapes.replicas import Plan, Report, adamw, load_average, train

FACTOR = 4
SCALING = 0.13025  # SDXL's; latents have variance 1 after multiplication by it
PLAN = Plan(steps=1840, rate=1.5e-3, warmup=60, decay=640, save=160, memory=0.95)

# Side of the windows in pixels and batch of all replicas, each until a share of the steps.
CURRICULUM = ((0.25, 32, 128), (0.6, 64, 40), (1.0, 128, 12))


def new_autoencoder() -> AutoencoderKL:
    """An untrained autoencoder."""
    vae = AutoencoderKL(
        block_out_channels=(16, 32, 64),
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        latent_channels=4,
        layers_per_block=1,
        mid_block_add_attention=False,
        norm_num_groups=1,
        sample_size=NATIVE,
        scaling_factor=SCALING,
        force_upcast=False,
    )
    torch.nn.init.constant_(vae.quant_conv.bias[4:], -6.0)  # little noise: learns faster
    return vae


class Reconstruction:
    """The autoencoder's task: the same picture again, also from resampled latents."""

    def __init__(self, plan: Plan) -> None:
        vae = new_autoencoder().to(plan.device)
        self.module, self.plan = vae.to(memory_format=torch.channels_last), plan

    def optimisers(self, rate: float) -> list[Optimizer]:
        """One for all."""
        return [adamw(self.module.parameters(), rate)]

    def loss(self, step: int, draw: Generator) -> Tensor:
        """Distance to the picture, and the latents' distance from a standard normal."""
        side, batch = next(
            (side, batch) for until, side, batch in CURRICULUM if step < until * self.plan.steps
        )
        batch //= self.plan.replicas
        seed = int(torch.randint(2**31, (), generator=draw))
        if step % 6 == 3:
            return self._resampled(step, seed, side, batch, draw)
        pictures = windows(seed, batch, side).to(self.plan.device)
        with torch.autocast(self.plan.device, torch.bfloat16):
            posterior = self.module.encode(pictures).latent_dist
            decoded = self.module.decode(_sample(posterior, draw)).sample
        return difference(decoded.float(), pictures) + 5e-4 * _divergence(posterior)

    def _resampled(self, step: int, seed: int, side: int, batch: int, draw: Generator) -> Tensor:
        enlarge = step % 24 == 3 or (step % 12 == 3 and side < NATIVE)
        count = max(batch // 3, 2) if enlarge else batch
        pictures = windows(seed, count, side).to(self.plan.device)
        # The same windows drawn at another size: the resampled latents must decode to them.
        target = windows(seed, count, side, 2.0 if enlarge else 0.5)
        with torch.autocast(self.plan.device, torch.bfloat16):
            latents = _sample(self.module.encode(pictures).latent_dist, draw).float()
            if enlarge:
                latents = F.interpolate(latents, scale_factor=2, mode="bicubic")
            else:
                latents = F.avg_pool2d(latents, 2)
            decoded = self.module.decode(latents).sample
        return difference(decoded.float(), target.to(self.plan.device))


def windows(seed: int, count: int, side: int, enlarge: float = 1.0) -> Tensor:
    """Random windows on random scenes, `count 3 s s`, s = side * enlarge, [-1, 1]."""
    draw = random.Random(seed)
    scenes = [random_scene(draw) for _ in range(count)]
    zooms = [1.0 if draw.random() < 0.5 else draw.uniform(1.0, 4.5) for _ in scenes]
    places = []
    for scene, zoom in zip(scenes, zooms, strict=True):
        # Around a thing or its outline, where there is something to learn.
        thing = draw.choice(scene.things)
        around, away = draw.uniform(0, 2 * math.pi), draw.uniform(0.3, 1.2) * thing.radius
        centre = thing.y + away * math.sin(around), thing.x + away * math.cos(around)
        corner = (NATIVE * zoom * at - side / 2 for at in centre)
        # Whole pictures at their native size stay whole.
        places.append([0.0 if side == NATIVE and zoom == 1 else round(at) for at in corner])
    top, left = zip(*places, strict=True)
    size = round(side * enlarge), round(side * enlarge)
    return render(
        scenes,
        size,
        [zoom * enlarge for zoom in zooms],
        [at * enlarge for at in top],
        [at * enlarge for at in left],
    ).contiguous(memory_format=torch.channels_last)


def difference(a: Tensor, b: Tensor) -> Tensor:
    """Mean distance of two batches of pictures, and of their slopes, which keeps edges crisp."""
    error = a - b
    across = (error[..., 1:] - error[..., :-1]).abs().mean()
    down = (error[..., 1:, :] - error[..., :-1, :]).abs().mean()
    return error.abs().mean() + 0.25 * error.square().mean() + 0.5 * (across + down)


def train_autoencoder(folder: Path, report: Report, plan: Plan = PLAN) -> AutoencoderKL:
    """Trains in `folder`, or goes on there; returns the finished autoencoder, normalised."""
    train(partial(Reconstruction, plan), plan, folder, report)
    return finished(folder)


def finished(folder: Path) -> AutoencoderKL:
    """The moving average of the state in `folder`, its latents made zero mean and unit variance."""
    vae = new_autoencoder()
    load_average(folder, vae)
    return normalise(vae.eval().requires_grad_(False))


@torch.no_grad()
def normalise(vae: AutoencoderKL, batches: int = 16) -> AutoencoderKL:
    """Folds the latents' mean and deviation per channel into the convolutions beside them."""
    latents = torch.cat(
        [vae.encode(windows(1_000_000 + i, 16, NATIVE)).latent_dist.mean for i in range(batches)]
    )
    deviation, mean = torch.std_mean(latents, dim=(0, 2, 3))
    stretch = 1 / (SCALING * deviation)
    enter, leave = vae.quant_conv, vae.post_quant_conv
    leave.bias += (leave.weight[:, :, 0, 0] * mean).sum(1)
    leave.weight /= stretch.view(1, -1, 1, 1)
    enter.weight[:4] *= stretch.view(-1, 1, 1, 1)
    enter.bias[:4] = (enter.bias[:4] - mean) * stretch
    enter.bias[4:] += 2 * stretch.log()
    return vae


@torch.no_grad()
def fidelity(vae: AutoencoderKL, seed: int = 2_000_000, count: int = 64) -> float:
    """Peak signal to noise ratio in decibels of decoded pictures never trained on."""
    pictures = windows(seed, count, NATIVE)
    latents = [vae.encode(some).latent_dist.mean for some in pictures.split(16)]
    decoded = torch.cat([vae.decode(some).sample for some in latents])
    error = (decoded.clamp(-1, 1) - pictures).square().mean(dim=(1, 2, 3))
    return float((10 * torch.log10(4 / error)).mean())


def _sample(posterior, draw: Generator) -> Tensor:
    noise = torch.randn(posterior.mean.shape, generator=draw).to(posterior.mean.device)
    return posterior.mean + posterior.std * noise


def _divergence(posterior) -> Tensor:
    mean, variance = posterior.mean.float(), posterior.var.float()
    return 0.5 * (mean.square() + variance - 1 - variance.log()).mean()
