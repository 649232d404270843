"""A minute of faults on real processes: nothing is lost, nothing is done twice, all comes to rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaos.report import refused
from chaos.run import run

SEED = 7
KINDS_AT_LEAST = 8
"""Of faults, in a minute on a busy machine; the seed decides which come first."""


@pytest.mark.nemesis
@pytest.mark.timeout(480)
async def test_a_minute_of_faults_breaks_no_invariant(tmp_path: Path) -> None:
    verdict = await run(tmp_path / "chaos", SEED, minutes=1)
    broken = {name: violations for name, violations in verdict.broken.items() if violations}
    assert broken == {}, verdict.report
    assert len({fault.kind for fault in verdict.evidence.faults}) >= KINDS_AT_LEAST
    assert min(refused(verdict.evidence)) > 0, "no bait was taken, so nothing shows that the guard is there"
    assert sum(job.state == "completed" for job in verdict.evidence.jobs) > 0
