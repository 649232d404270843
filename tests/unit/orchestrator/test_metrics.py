"""What the gate says is counted: rounds judged, rounds refused, rounds started anew, articles by its last word."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from prometheus_client import REGISTRY

from contracts.events import Completed, QualityRejected, StageCompleted
from contracts.ids import new_job_id
from contracts.stages import StageId
from orchestrator.advancing import tell

COMMON: dict[str, Any] = {
    "job_id": new_job_id(),
    "tenant": "default",
    "seq": 1,
    "at": datetime(2026, 1, 2, tzinfo=UTC),
}
NAMES = ("blog_quality_rounds_total", "blog_quality_rejections_total", "blog_regeneration_rounds_total")


def completed_stage(stage: StageId) -> StageCompleted:
    return StageCompleted(
        **COMMON,
        stage=stage,
        name=stage.field,
        round=1,
        attempt=1,
        duration_seconds=1.0,
        stages_completed=1,
        progress_percent=8,
    )


def rejected(next_round: int | None) -> QualityRejected:
    return QualityRejected(**COMMON, round=1, score=60.0, findings=(), next_round=next_round)


def completed(*, passed: bool) -> Completed:
    return Completed(
        **COMMON,
        headline="h",
        slug="s",
        word_count=1,
        quality_score=80.0,
        quality_passed=passed,
        duration_seconds=1.0,
    )


def counted() -> list[float]:
    passed = REGISTRY.get_sample_value("blog_quality_gate_articles_total", {"passed": "true"}) or 0.0
    return [*(REGISTRY.get_sample_value(name) or 0.0 for name in NAMES), passed]


@pytest.mark.parametrize(
    ("event", "steps"),
    [
        (completed_stage(StageId.QUALITY), [1, 0, 0, 0]),
        (completed_stage(StageId.DRAFT), [0, 0, 0, 0]),
        (rejected(2), [0, 1, 1, 0]),
        (rejected(None), [0, 1, 0, 0]),
        (completed(passed=True), [0, 0, 0, 1]),
        (completed(passed=False), [0, 0, 0, 0]),
    ],
)
def test_the_gates_word_is_counted(event: Any, steps: list[float]) -> None:
    before = counted()
    tell(event)
    assert [after - earlier for after, earlier in zip(counted(), before, strict=True)] == steps
