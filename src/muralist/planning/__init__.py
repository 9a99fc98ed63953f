"""What a picture will cost, and which views it is made of, before it is painted."""

from muralist.planning.costs import Plan, StagePlan, Work, plan, work
from muralist.planning.views import views_of

__all__ = ["Plan", "StagePlan", "Work", "plan", "views_of", "work"]
