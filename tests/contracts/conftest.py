"""Parameters: ``sent`` is every message that has a subject, ``message`` everything that passes between services,
``sample`` all that has a golden file."""

from __future__ import annotations

import pytest
from sample_messages import ALL, BUS, MESSAGES, Sample


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for name, samples in (("sent", BUS), ("message", MESSAGES), ("sample", ALL)):
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, samples, ids=_name)


def _name(sample: Sample) -> str:
    return sample.name
