"""How long a search engine that refuses for now is left alone."""

import pytest

from stage_workers.adapters.retry_after import LONGEST_WAIT
from stage_workers.adapters.search_http import SearchEndpoint
from stage_workers.errors import Transient


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7", "x-ratelimit-reset": "1, 1419704"}, 7),
        ({"x-ratelimit-reset": "1, 1419704", "x-ratelimit-remaining": "0, 1000"}, 1),
        ({"x-ratelimit-reset": "1, 1419704", "x-ratelimit-remaining": "1, 0"}, LONGEST_WAIT),
        ({"x-ratelimit-reset": "2"}, 2),
        ({"x-ratelimit-reset": "soon"}, None),
        ({}, None),
    ],
)
def test_an_engine_is_asked_again_when_what_is_used_up_is_counted_anew(headers, seconds):
    problem = SearchEndpoint("brave", "http://127.0.0.1:1", {})._refusal(429, headers, "")
    assert isinstance(problem, Transient)
    assert problem.code == "search_rate_limited"
    assert problem.after_seconds == seconds


@pytest.mark.parametrize("status", [408, 425, 500, 502, 503, 504])
def test_a_passing_refusal_names_the_wait_that_the_server_asked_for(status):
    problem = SearchEndpoint("brave", "http://127.0.0.1:1", {})._refusal(status, {"retry-after": "9"}, "")
    assert isinstance(problem, Transient)
    assert (problem.code, problem.after_seconds) == ("search_unavailable", 9)
