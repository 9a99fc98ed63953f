"""The task: to tell from the features, by linear maps alone, what is there and what is wrong."""

import random

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn
from torch.optim import Optimizer

from muralist.bench.network import WIDTH, FeatureNetwork
from training.features.data import SIDES, Examples, examples
from training.shapes.muon import Muon
from training.shapes.replicas import Plan, adamw

PLAN = Plan(steps=800, rate=2e-3, warmup=40, decay=400, replicas=1, save=200, memory=0.95)
BATCH = 16  # windows of 128 pixels; more of smaller ones


class Network(nn.Module):
    """The features, and one linear map for everything that is to be told of a cell or a window."""

    def __init__(self) -> None:
        super().__init__()
        self.features = FeatureNetwork()
        self.colours = nn.Conv2d(WIDTH, 11, 1)
        self.shapes = nn.Conv2d(WIDTH, 6, 1)
        self.materials = nn.Conv2d(WIDTH, 4, 1)
        self.looks = nn.Conv2d(WIDTH, 4, 1)
        self.seams = nn.Conv2d(WIDTH, 1, 1)
        self.wrong = nn.Linear(WIDTH, 6)  # of the features' mean over the window


class Telling:
    """Predicts what was drawn, and how it was spoilt."""

    def __init__(self, plan: Plan, batch: int = BATCH) -> None:
        torch.manual_seed(plan.seed)
        network = Network().to(plan.device)
        self.module, self.plan = network.to(memory_format=torch.channels_last), plan
        self.batch = batch

    def optimisers(self, rate: float) -> list[Optimizer]:
        """Muon for the kernels, AdamW for all else."""
        kernels = [p for p in self.module.features.parameters() if p.ndim > 1]
        names = {id(p) for p in kernels}
        others = [p for p in self.module.parameters() if id(p) not in names]
        return [adamw(others, rate), Muon(kernels, rate)]

    def loss(self, step: int, draw: Generator) -> Tensor:
        """The sum of all errors over one batch of windows."""
        seed = int(torch.randint(2**31, (), generator=draw))
        side = random.Random(seed).choice(SIDES)
        count = round(self.batch * (128 / side) ** 1.5)
        return self._error(examples(seed, count, side))

    def _error(self, batch: Examples) -> Tensor:
        network, device = self.module, self.plan.device
        pictures = batch.pictures.to(device).contiguous(memory_format=torch.channels_last)
        with torch.autocast(device, torch.bfloat16):
            features = network.features(pictures)
        features = features.float()
        shares = sum(
            F.cross_entropy(head(features), truth.to(device))
            for head, truth in (
                (network.colours, batch.colours),
                (network.shapes, batch.shapes),
                (network.materials, batch.materials),
            )
        )
        looks = F.mse_loss(network.looks(features), batch.looks.to(device))
        seams = F.mse_loss(network.seams(features), batch.seams.to(device))
        wrong = F.mse_loss(network.wrong(features.mean((2, 3))), batch.wrong.to(device))
        # What is wrong matters most, and has the smallest variance.
        return shares + 4 * looks + 100 * seams + 60 * wrong
