"""What a picture will cost, before it is painted."""

from muralist.planning.costs import Plan, StagePlan, Work, plan, work

__all__ = ["Plan", "StagePlan", "Work", "plan", "work"]
