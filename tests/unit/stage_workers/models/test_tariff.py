"""What has a price, by the settings."""

from __future__ import annotations

import pytest

from stage_workers.settings import Settings
from stage_workers.spending.tariff import tariff

GIVEN = {"nats_url": "nats://127.0.0.1:1", "article_store": "memory://"}


@pytest.mark.parametrize(
    ("settings", "priced"),
    [
        ({}, False),
        ({"language_model": "extractive", "google_api_key": "k"}, False),
        ({"google_api_key": "k"}, True),
        ({"language_model": "gemini", "model_key": "k"}, True),
    ],
)
def test_only_a_model_that_is_used_has_a_price(settings: dict[str, str], priced: bool) -> None:
    assert tariff(Settings(**GIVEN, **settings)).model is priced
