"""What is started for deliveries: a run for each note that arrives."""

from __future__ import annotations

from typing import Any

from everflow import flow, node
from everflow.triggers import trigger


@node(name="received.number", inline=True)
def number(activity: dict[str, Any]) -> str:
    """Which it was."""
    return str(activity["object"]["content"])


triggers = [trigger("notes", flow("received", number), type="Create")]
