"""What Prometheus and Alertmanager say of their configuration."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.mark.parametrize("name", ["prometheus.yml", "prometheus-pods.yml"])
def test_prometheus_takes_its_configuration(name: str, run: Any) -> None:
    answer = run("promtool", "check", "config", "--syntax-only", f"monitoring/{name}")
    assert answer.returncode == 0, answer.stderr


def test_alertmanager_takes_its_configuration(run: Any) -> None:
    answer = run("amtool", "check-config", "monitoring/alertmanager.yml")
    assert answer.returncode == 0, answer.stderr
