"""The gate's findings travel in the commands of later rounds, so their report is bounded."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sample_parts import QUALITY

from chassis.objects import ObjectStore
from contracts import codec
from contracts.articles import Finding
from contracts.commands import RunStage
from contracts.ids import new_job_id
from contracts.payloads import FINDINGS_LIMIT
from contracts.results import StageDone, Verdict
from contracts.stages import QualityOutput, StageId
from stage_workers.attempts import Attempts
from stage_workers.outcome import Done
from stage_workers.payloads import Payloads


async def reported(findings: tuple[Finding, ...]) -> Verdict:
    async def run(_input: Any, _context: Any) -> Done[QualityOutput]:
        return Done(QUALITY, verdict=Verdict(passed=False, score=70, findings=findings))

    nothing: Any = None
    payloads = Payloads(ObjectStore.open("memory://"))
    now = datetime(2026, 1, 4, tzinfo=UTC)
    command = RunStage(
        job_id=new_job_id(),
        tenant="default",
        stage=StageId.QUALITY,
        run=1,
        round=1,
        attempt=1,
        timeout_seconds=1,
        deadline_at=now,
        pipeline_version=1,
        inputs={},
    )
    attempts = Attempts({StageId.QUALITY: run}, nothing, payloads, nothing, nothing, nothing)
    outcome = await attempts._reported(command, await run(None, None))
    assert isinstance(outcome, StageDone)
    assert outcome.verdict is not None
    return outcome.verdict


def finding(size: int) -> Finding:
    return Finding(code="long_paragraph", message="x" * size, critical=True)


async def test_findings_of_usual_size_are_reported_whole() -> None:
    findings = tuple(finding(300) for _ in range(40))
    assert (await reported(findings)).findings == findings


async def test_findings_that_do_not_fit_are_left_out() -> None:
    findings = tuple(finding(size) for size in (1_000, FINDINGS_LIMIT // 2, FINDINGS_LIMIT, 2_000))
    verdict = await reported(findings)
    assert verdict.findings == (findings[0], findings[1], findings[3])
    assert len(codec.encode(verdict.findings)) <= FINDINGS_LIMIT
    assert (verdict.passed, verdict.score) == (False, 70)
