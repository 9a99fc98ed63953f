"""How far two populations are apart, by the features of some of each."""

import torch
from torch import Tensor

from muralist.errors import BadRequest

__all__ = ["frechet", "kernel"]


def frechet(a: Tensor, b: Tensor) -> float:
    """The squared Frechet distance of two Gaussians with the moments of features `N D`, `M D`.

    |m_a - m_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2)) (Heusel et al., 2017, section 3), with
    unbiased covariances. It is at least 0, and biased upwards where N and M are small: compare
    distances of sets of one size. Raises `BadRequest` for fewer than 2 rows, or of two widths.
    """
    a, b = _populations(a, b)
    mean = (a.mean(0) - b.mean(0)).square().sum()
    spread, other = a.T.cov(), b.T.cov()
    root = _root(spread)
    # The eigenvalues of C_a C_b are those of the symmetric C_a^(1/2) C_b C_a^(1/2).
    cross = torch.linalg.eigvalsh(root @ other @ root).clamp(min=0).sqrt().sum()
    return float((mean + spread.trace() + other.trace() - 2 * cross).clamp(min=0))


def kernel(a: Tensor, b: Tensor) -> float:
    """The squared maximum mean discrepancy of features `N D`, `M D`, unbiased.

    With the kernel (x.y / D + 1)^3 (Binkowski et al., 2018, section 4): its mean over draws is 0
    for one population, so that it may be negative, and does not depend on N and M. Raises
    `BadRequest` for fewer than 2 rows, or of two widths.
    """
    a, b = _populations(a, b)
    return float(_among(a) + _among(b) - 2 * _cubic(a, b).mean())


def _populations(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Both in double precision, on the CPU."""
    fewest = min(len(a), len(b))
    if fewest < 2:
        raise BadRequest(f"{fewest} rows of features have no spread; at least 2 of each are needed")
    if a.shape[1:] != b.shape[1:] or a.ndim != 2:
        shapes = " and ".join("x".join(map(str, one.shape)) for one in (a, b))
        raise BadRequest(f"features of {shapes} cannot be compared; both are to be rows of a width")
    return a.detach().cpu().double(), b.detach().cpu().double()


def _root(covariance: Tensor) -> Tensor:
    """The symmetric square root of a positive semidefinite matrix."""
    values, vectors = torch.linalg.eigh(covariance)
    return (vectors * values.clamp(min=0).sqrt()) @ vectors.T


def _cubic(a: Tensor, b: Tensor) -> Tensor:
    return (a @ b.T / a.shape[1] + 1).pow(3)


def _among(a: Tensor) -> Tensor:
    """The mean kernel of two different rows."""
    values = _cubic(a, a)
    return (values.sum() - values.trace()) / (len(a) * (len(a) - 1))
