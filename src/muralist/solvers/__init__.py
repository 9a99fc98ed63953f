"""How noise falls, and how a canvas follows: steps, and who takes them."""

from muralist.solvers.memory import Memory
from muralist.solvers.pairs import DPMSolverPP2M, Solver, ddim, euler
from muralist.solvers.schedule import SOLVERS, Constant, Cosine, Schedule, SolverName, schedule

__all__ = [
    "SOLVERS",
    "Constant",
    "Cosine",
    "DPMSolverPP2M",
    "Memory",
    "Schedule",
    "Solver",
    "SolverName",
    "ddim",
    "euler",
    "schedule",
]
