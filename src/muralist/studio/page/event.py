"""How the page's handlers are wired: none of them is part of the API, or waits for another."""

from typing import Any

import gradio as gr

__all__ = ["QUIET", "typing", "while_open"]

# a page is not dimmed while its own handlers run
QUIET: dict[str, Any] = {
    "api_visibility": "private",
    "show_progress": "hidden",
    "concurrency_limit": None,
}


def typing(name: str, at_once: int) -> dict[str, Any]:
    """For what follows every key: of all that came while it ran, the last counts."""
    return QUIET | {
        "trigger_mode": "always_last",
        "concurrency_limit": at_once,
        "concurrency_id": name,
    }


def while_open(tabs: gr.Tabs, tab: gr.Tab, seconds: float, **looking: Any) -> None:
    """Looks when a tab is opened, and every so many seconds until another one is."""
    timer = gr.Timer(seconds, active=False)

    def turn(event: gr.SelectData) -> Any:
        return gr.update(active=event.value == tab.label)

    tabs.select(turn, None, timer, **QUIET)
    timer.tick(**looking)
    tab.select(**looking)
