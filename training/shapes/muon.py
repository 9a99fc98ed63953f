"""Muon: momentum whose every matrix is made orthogonal before it is applied (Jordan, 2024).

All directions of a matrix are learned at one pace, whatever their gradients' sizes.
"""

import math
from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import Tensor, nn

# Five steps of this odd polynomial bring every singular value from (0, 1] close to 1.
POLYNOMIAL = (3.4445, -4.7750, 2.0315)


class Muon(torch.optim.Optimizer):
    """For weights of two dimensions or more; convolutions count as matrices `out, in * kernel`.

    Updates have the root mean square `size * rate`: AdamW's is about 0.2 to 0.4 in practice, so
    that both can share a rate.
    """

    def __init__(
        self,
        weights: Iterable[nn.Parameter],
        rate: float,
        size: float = 0.4,
        memory: float = 0.95,
        decay: float = 0.01,
    ) -> None:
        settings = {"lr": rate, "size": size, "memory": memory, "decay": decay}
        super().__init__(weights, settings)

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        """Applies the gradients; matrices of one shape are made orthogonal together."""
        for group in self.param_groups:
            alike: dict[tuple[int, ...], list[nn.Parameter]] = defaultdict(list)
            for weight in group["params"]:
                if weight.grad is not None:
                    alike[tuple(weight.flatten(1).shape)].append(weight)
            for weights in alike.values():
                self._apply(weights, group)

    def _apply(self, weights: list[nn.Parameter], group: dict) -> None:
        updates = []
        for weight in weights:
            momentum = self.state[weight].setdefault("momentum", torch.zeros_like(weight))
            momentum.mul_(group["memory"]).add_(weight.grad)
            updates.append(weight.grad.add(momentum, alpha=group["memory"]).flatten(1))
        matrices = orthogonal(torch.stack(updates))
        pace = group["lr"] * group["size"] * math.sqrt(max(matrices.shape[1:]))
        for weight, matrix in zip(weights, matrices, strict=True):
            weight.mul_(1 - group["lr"] * group["decay"])
            weight.add_(matrix.view(weight.shape), alpha=-pace)


def orthogonal(matrices: Tensor) -> Tensor:
    """Each nearest matrix, roughly, whose singular values are all one: `B M N`."""
    a, b, c = POLYNOMIAL
    x = matrices.bfloat16()
    if tall := x.shape[1] > x.shape[2]:
        x = x.mT
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(5):
        gram = x @ x.mT
        factor = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
        x = torch.baddbmm(x, factor, x, beta=a)
    return (x.mT if tall else x).to(matrices.dtype)
