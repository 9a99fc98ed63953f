"""Retrains the features: `python -m training.features [--work DIR]`; started again, it goes on."""

import argparse
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch.optim.swa_utils import update_bn

from muralist.bench.network import FeatureNetwork
from muralist.shapes import FEATURES
from training.features import task
from training.features.data import examples
from training.shapes.log import Log
from training.shapes.replicas import Plan, Report, load_average, train

MOMENTS = 24  # batches over which the features' moments are taken
SHOWN = 10**9  # seed of the first of them


def main() -> None:
    """Trains what is not trained yet, and writes the features."""
    parser = argparse.ArgumentParser(prog="training.features", description=__doc__)
    parser.add_argument("--work", type=Path, default=Path("out/features"), help="for all state")
    parser.add_argument("--weights", type=Path, default=FEATURES, help="the file that is written")
    parser.add_argument("--steps", type=int, default=task.PLAN.steps)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    log = Log(options.work / "features.log")
    plan = replace(task.PLAN, steps=options.steps).on(options.device)
    network = trained(options.work, log, plan)
    export(network, options.weights)
    log(f"step {plan.steps}, {options.weights.stat().st_size / 1e6:.2f} MB")


def trained(
    work: Path, report: Report, plan: Plan = task.PLAN, batch: int = task.BATCH
) -> FeatureNetwork:
    """Trains in `work`, or goes on there; gives the moving average of the weights."""
    train(partial(task.Telling, plan, batch), plan, work, report)
    network = task.Network()
    load_average(work, network)
    # Averaged weights have moments of their own (Izmailov et al., 2018, section 3.2).
    shown = (examples(SHOWN + i, batch, 128).pictures for i in range(MOMENTS))
    update_bn(shown, network.features)
    return network.features.eval()


def export(network: FeatureNetwork, path: Path) -> None:
    """Writes a network in half precision; the file is replaced at once."""
    part = path.with_suffix(".part")
    save_file(network.half().state_dict(), part)
    part.replace(path)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
