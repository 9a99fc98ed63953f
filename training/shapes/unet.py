"""The denoiser: SDXL's UNet and two text encoders in small, trained together on latents."""

import random
import shutil
from functools import partial
from pathlib import Path

import torch
from diffusers import DDPMScheduler, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from torch import Generator, Tensor, nn
from torch.optim import Optimizer
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from training.shapes.data import Pool, load_pools
from training.shapes.muon import Muon
from training.shapes.replicas import Plan, Report, adamw, load_average, train
from training.shapes.tokenizer import LENGTH, new_tokenizer

PLAN = Plan(steps=12_800, rate=1e-3, warmup=200, decay=3200, save=200, memory=0.99)

BATCH = 32  # examples per step of all replicas
WIDTHS = (32, 64, 128)
TEXT = 64  # width of each text encoder
TIMES = 1000
SCHEDULE = {
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "num_train_timesteps": TIMES,
    "prediction_type": "v_prediction",
}

EARLY, EARLY_UNTIL = 0.2, 400  # the share of times below a time
OBLONG = 12  # steps between two batches of oblong pictures
PAIRS = 0.35  # of the examples: certainly with two things, which are learned last
EMPTY = 0.04  # of the captions
UNCONDITIONAL = 0.08  # of the examples: zeros instead of embeddings
FOREIGN = 0.10  # of the captions: with words that mean nothing here
# A constant added to each channel's noise. Even the noisiest latents of the schedule give their
# mean away; without this the model would trust that mean, which pure noise does not have.
OFFSET = 0.08

FOREIGN_WORDS = (
    *("a", "photo", "of", "picture", "the", "very", "beautiful", "detailed", "highly", "4k", "8k"),
    *("hd", "masterpiece", "best", "quality", "sharp", "focus", "large", "small", "wide", "view"),
    *("in", "with", "style", "art", "painting", "trending", "render", "soft", "light", ",", "."),
)


def new_unet() -> UNet2DConditionModel:
    """An untrained denoiser of 32x32 latents."""
    return UNet2DConditionModel(
        sample_size=32,
        block_out_channels=WIDTHS,
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=(1, 2, 4),  # heads per level, in spite of the name
        cross_attention_dim=2 * TEXT,
        use_linear_projection=True,
        norm_num_groups=8,
        addition_embed_type="text_time",
        addition_time_embed_dim=32,
        projection_class_embeddings_input_dim=6 * 32 + TEXT,
    )


def new_text_encoders() -> tuple[CLIPTextModel, CLIPTextModelWithProjection]:
    """Two untrained text encoders, as SDXL has them."""
    tokenizer = new_tokenizer()
    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=TEXT,
        intermediate_size=4 * TEXT,
        projection_dim=TEXT,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=LENGTH,
        hidden_act="gelu",
        initializer_factor=1.0,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    first, second = CLIPTextModel(config), CLIPTextModelWithProjection(config)
    # SDXL reads the first encoder before its last layer, which nothing can teach then.
    first.encoder.layers[-1].requires_grad_(False)
    first.final_layer_norm.requires_grad_(False)
    return first, second


def embed(models: nn.ModuleDict, tokens: Tensor) -> tuple[Tensor, Tensor]:
    """What SDXL's pipeline makes of tokens `B 77`: embeddings `B 77 128`, pooled `B 64`."""
    first = models["text_encoder"](tokens, output_hidden_states=True)
    second = models["text_encoder_2"](tokens, output_hidden_states=True)
    sequence = torch.cat([first.hidden_states[-2], second.hidden_states[-2]], dim=-1)
    return sequence, second.text_embeds


class Denoising:
    """The denoiser's task: the velocity of noised latents, given caption and sizes.

    Compiled, a step takes two thirds of the time; without a C++ compiler it is done without.
    """

    def __init__(self, examples: Path, plan: Plan, compiled: bool = True) -> None:
        self.batch, self.device = BATCH // plan.replicas, plan.device
        encoders = new_text_encoders()
        unet = new_unet().to(memory_format=torch.channels_last)
        # Plain attention is faster than the fused one here: that one's bfloat16 backward is slow.
        unet.set_attn_processor(AttnProcessor())
        for encoder in encoders:
            encoder.set_attn_implementation("eager")
        self.module = nn.ModuleDict(
            {"unet": unet, "text_encoder": encoders[0], "text_encoder_2": encoders[1]}
        ).to(plan.device)
        # For squares only: every other size would have to be compiled for.
        self.fast = torch.compile(unet) if compiled and shutil.which("g++") else unet
        alphas = DDPMScheduler(**SCHEDULE).alphas_cumprod
        self.alpha, self.sigma = alphas.sqrt(), (1 - alphas).sqrt()
        self.pools = load_pools(examples)
        tokenizer = new_tokenizer()
        self.tokenize = partial(
            tokenizer, padding="max_length", truncation=True, return_tensors="pt"
        )

    def optimisers(self, rate: float) -> list[Optimizer]:
        """Muon for the matrices inside the UNet, AdamW for the text encoders and all else."""
        inside = {
            name: p
            for name, p in self.module.named_parameters()
            if p.ndim > 1 and name.startswith(("unet.down", "unet.mid", "unet.up"))
        }
        others = [
            p for n, p in self.module.named_parameters() if p.requires_grad and n not in inside
        ]
        return [adamw(others, rate), Muon(inside.values(), rate)]

    def loss(self, step: int, draw: Generator) -> Tensor:
        """Mean squared error of the velocity."""
        square = step % OBLONG != OBLONG - 1 or len(self.pools) == 1
        pool = self.pools[0 if square else 1 + step // OBLONG % (len(self.pools) - 1)]
        unet = self.fast if square else self.module["unet"]
        x0, ids, captions = _batch(pool, self.batch, draw)
        times = _times(self.batch, draw)
        alpha, sigma = (table[times].view(-1, 1, 1, 1) for table in (self.alpha, self.sigma))
        noise = torch.randn(x0.shape, generator=draw)
        noise += OFFSET * torch.randn(*x0.shape[:2], 1, 1, generator=draw)
        noised, target = alpha * x0 + sigma * noise, alpha * noise - sigma * x0
        tokens = self.tokenize(_disturbed(captions, draw)).input_ids
        keep = (torch.rand(self.batch, 1, generator=draw) >= UNCONDITIONAL).float()
        noised, target, times, tokens, keep, ids = (
            tensor.to(self.device) for tensor in (noised, target, times, tokens, keep, ids)
        )
        with torch.autocast(self.device, torch.bfloat16):
            sequence, pooled = embed(self.module, tokens)
            velocity = unet(
                noised.contiguous(memory_format=torch.channels_last),
                times,
                sequence * keep[:, None],
                added_cond_kwargs={"text_embeds": pooled * keep, "time_ids": ids},
                return_dict=False,
            )[0]
        return (velocity.float() - target).square().mean()


def train_denoiser(
    folder: Path, examples: Path, report: Report, plan: Plan = PLAN
) -> nn.ModuleDict:
    """Trains in `folder` on the examples, or goes on there; returns the finished models."""
    train(partial(Denoising, examples, plan), plan, folder, report)
    return trained(folder)[0]


def trained(folder: Path) -> tuple[nn.ModuleDict, int]:
    """The moving average of the models in `folder`, and the step that they have reached."""
    torch.manual_seed(0)  # for the parameters that are not trained
    encoders = new_text_encoders()
    models = nn.ModuleDict(
        {"unet": new_unet(), "text_encoder": encoders[0], "text_encoder_2": encoders[1]}
    )
    step = load_average(folder, models)
    return models.eval().requires_grad_(False), step


def _batch(pool: Pool, size: int, draw: Generator) -> tuple[Tensor, Tensor, list[str]]:
    any_row = torch.randint(len(pool.captions), (size,), generator=draw)
    pair = pool.pairs[torch.randint(len(pool.pairs), (size,), generator=draw)]
    rows = torch.where(torch.rand(size, generator=draw) < PAIRS, pair, any_row)
    return pool.latents[rows].float(), pool.ids[rows], [pool.captions[row] for row in rows]


def _times(count: int, draw: Generator) -> Tensor:
    """Times, spread evenly; few early ones, where little is left to learn."""
    strata = torch.randperm(count, generator=draw)
    share = (strata + torch.rand(count, generator=draw)) / count
    early = share * EARLY_UNTIL / EARLY
    late = EARLY_UNTIL + (share - EARLY) * (TIMES - EARLY_UNTIL) / (1 - EARLY)
    return torch.where(share < EARLY, early, late).long().clamp(0, TIMES - 1)


def _disturbed(captions: list[str], draw: Generator) -> list[str]:
    choose = random.Random(int(torch.randint(2**31, (), generator=draw)))
    return [_disturb(caption, choose) for caption in captions]


def _disturb(caption: str, choose: random.Random) -> str:
    chance = choose.random()
    if chance < EMPTY:
        return ""
    if chance < EMPTY + FOREIGN:
        words = choose.choices(FOREIGN_WORDS, k=choose.randint(1, 5))
        where = choose.random()
        return " ".join([caption, *words] if where < 0.7 else [*words, caption])
    return caption
