"""A job's progress in the terminal: one line per stage, live."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Column

from contracts.stages import TOTAL_STAGES


class Display:
    """Shows events of one job as they come."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._stages: dict[str, TaskID] = {}
        self._whole = progress.add_task("article", total=TOTAL_STAGES, detail="submitted")

    def show(self, event: dict[str, Any]) -> None:
        """Take in one event."""
        handler = getattr(self, f"_{event['type']}", None)
        if handler is not None:
            handler(event)

    def _stage(self, event: dict[str, Any]) -> TaskID:
        label = f"{event['stage']} {event['name']}" + (f" ({event['round']})" if event["round"] > 1 else "")
        if label not in self._stages:
            self._stages[label] = self._progress.add_task(label, total=None, detail="")
        return self._stages[label]

    def _started(self, _event: dict[str, Any]) -> None:
        self._progress.update(self._whole, detail="running", visible=True)

    def _stage_started(self, event: dict[str, Any]) -> None:
        self._progress.update(self._stage(event), detail="", visible=True)

    def _stage_progress(self, event: dict[str, Any]) -> None:
        self._progress.update(
            self._stage(event),
            detail=event["message"],
            total=event.get("total"),
            completed=event.get("done") or 0,
        )

    def _stage_retrying(self, event: dict[str, Any]) -> None:
        detail = f"retry in {event['delay_seconds']:.0f} s: {event['reason']}"
        self._progress.update(self._stage(event), detail=detail)

    def _stage_completed(self, event: dict[str, Any]) -> None:
        detail = f"{event['duration_seconds']:.1f} s"
        self._progress.update(self._stage(event), total=1, completed=1, detail=detail)
        self._progress.update(self._whole, completed=event["stages_completed"])

    def _quality_rejected(self, event: dict[str, Any]) -> None:
        after = f"round {event['next_round']} follows" if event["next_round"] else "the best round goes on"
        self._progress.update(
            self._whole, detail=f"round {event['round']} scored {event['score']:.0f}: {after}"
        )

    def _completed(self, event: dict[str, Any]) -> None:
        detail = f"completed, score {event['quality_score']:.0f}"
        self._progress.update(self._whole, completed=TOTAL_STAGES, detail=detail)

    def _failed(self, event: dict[str, Any]) -> None:
        self._stop(f"failed: {event['error']} [{event['error_code']}]")

    def _cancelled(self, _event: dict[str, Any]) -> None:
        self._stop("cancelled")

    def _stop(self, word: str) -> None:
        """Take away what turns and fills, and say the last word in full: a table would cut it off."""
        for task in self._progress.tasks:
            self._progress.update(task.id, visible=task.finished)
        self._progress.console.print(word, markup=False, soft_wrap=True)


def follow(events: Iterable[dict[str, Any]], console: Console) -> dict[str, Any] | None:
    """Show all events until they end; return the last one with a ``seq``, None when there was none."""
    columns = (
        SpinnerColumn(finished_text="✓"),
        TextColumn("{task.description}", table_column=Column(no_wrap=True)),
        BarColumn(bar_width=20, table_column=Column(min_width=5)),
        TextColumn("{task.fields[detail]}", markup=False, table_column=Column(no_wrap=True, ratio=1)),
        TimeElapsedColumn(),
    )
    last = None
    with Progress(*columns, console=console) as progress:
        display = Display(progress)
        for event in events:
            display.show(event)
            last = event if event.get("seq") else last
    return last
