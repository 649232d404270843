"""Company sites that misbehave, against the whole system: each job ends soon and says why, and no other is harmed."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

PAGE_SECONDS = 3
ALL_SECONDS = 60
"""From the first submission to the end of the last job."""
MEGABYTE = 1024 * 1024

FAIL_AT_ONCE = {
    "dns": "dns",
    "https_on_a_plain_port": "tls",
    "empty": "empty_page",
    "blank": "empty_page",
    "pdf": "broken_pdf",
    "pdf_called_html": "broken_pdf",
    "image": "not_html",
    "image_called_html": "not_html",
    "fifty_megabytes": "too_large",
    "gzip_bomb": "too_large",
    "broken_gzip": "unsupported_encoding",
    "unknown_encoding": "unsupported_encoding",
    "circle": "too_many_redirects",
    "further_and_further": "too_many_redirects",
    "to_a_file": "invalid_url",
    "to_no_address": "invalid_url",
    "no_address": "invalid_url",
    "no_port": "invalid_url",
    "forbids_all": "robots_denied",
}
FAIL_AFTER_RETRIES = {
    "down": "connect",
    "hang": "timeout",
    "drip": "timeout",
    "endless_headers": "protocol",
    "gibberish": "protocol",
    "hangs_up": "protocol",
    "robots_fail": "http_503",
}
COMPLETE = (
    "ordinary",
    "recovers",
    "moved",
    "machine_traps",
    "sitemap_huge",
    "sitemap_endless",
    "sitemap_circle",
    "sitemap_malformed",
    "sitemap_bomb",
    "sitemap_laughs",
    "sitemap_elsewhere",
)


class Ended:
    """What became of the jobs."""

    def __init__(self) -> None:
        self.jobs: dict[str, str] = {}
        self.statuses: dict[str, dict[str, Any]] = {}
        self.events: dict[str, list[dict[str, Any]]] = {}
        self.sites: dict[str, Any] = {}
        self.seconds = 0.0

    def retries(self, name: str) -> int:
        return sum(event["type"] == "stage_retrying" for event in self.events[name])


@pytest.fixture(scope="module")
def crowd(new_system: Any) -> Any:
    """A system with room for all jobs at once."""
    return new_system(
        BLOG_WRITER_MAX_CONCURRENT="60",
        BLOG_WRITER_STAGE_SLOTS="60",
        BLOG_WRITER_PAGE_SECONDS=str(PAGE_SECONDS),
    )


def closed_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


@pytest.fixture(scope="module")
def ended(hostile: Any, crowd: Any) -> Iterator[Ended]:
    """Every bad site as the company of a job, all submitted at once; what became of them."""
    habits = {**hostile.HABITS, "recovers": hostile.recovers_after(2)}
    with hostile.served(hostile.ordinary) as new:
        habits["moved"] = hostile.moves_to(new.url.replace("127.0.0.1", "localhost") + "/")
        with hostile.served_all(habits) as sites:
            result = Ended()
            result.sites = sites
            urls = {name: site.url for name, site in sites.items()} | {
                "down": closed_port(),
                "dns": "http://no-such-name.invalid",
                "https_on_a_plain_port": sites["ordinary"].url.replace("http:", "https:"),
                "no_address": "http://[bad",
                "no_port": "http://127.0.0.1:99999",
            }
            began = time.monotonic()
            for name in (*FAIL_AT_ONCE, *FAIL_AFTER_RETRIES, *COMPLETE):
                result.jobs[name] = crowd.submit(primary_keyword="bicycle chain", company_url=urls[name])
            for name, job_id in result.jobs.items():
                left = ALL_SECONDS - (time.monotonic() - began)
                result.statuses[name] = crowd.wait_for(job_id, "completed", "failed", seconds=max(left, 1))
                result.events[name] = crowd.events(job_id)
            result.seconds = time.monotonic() - began
            yield result


@pytest.mark.parametrize("name", FAIL_AT_ONCE)
def test_what_will_not_change_fails_at_once_and_says_why(ended: Ended, name: str) -> None:
    status = ended.statuses[name]
    assert status["status"] == "failed"
    assert status["error_code"] == f"company_site_{FAIL_AT_ONCE[name]}"
    assert "http" in status["error"]
    assert ended.retries(name) == 0


@pytest.mark.parametrize("name", FAIL_AFTER_RETRIES)
def test_what_may_pass_is_tried_again_and_then_fails_and_says_why(ended: Ended, name: str) -> None:
    status = ended.statuses[name]
    assert status["status"] == "failed"
    assert status["error_code"] == f"company_site_{FAIL_AFTER_RETRIES[name]}"
    assert ended.retries(name) == 2


@pytest.mark.parametrize("name", COMPLETE)
def test_what_can_be_read_is_enough_for_an_article(ended: Ended, name: str) -> None:
    status = ended.statuses[name]
    assert status["status"] == "completed", status
    assert "chain" in status["result"]["html_content"]
    assert ended.retries(name) == (2 if name == "recovers" else 0)


def test_the_article_of_a_site_that_moved_cites_the_new_one(ended: Ended) -> None:
    urls = {citation["url"] for citation in ended.statuses["moved"]["result"]["citations"]}
    assert urls
    assert all("://localhost:" in url for url in urls)


def test_signs_that_no_text_has_do_not_reach_the_result(ended: Ended) -> None:
    result = ended.statuses["machine_traps"]["result"]
    assert "\0" not in str(result)
    assert result["company_name"].startswith("Work")


def test_no_more_is_read_than_the_cap(ended: Ended) -> None:
    for name in ("fifty_megabytes", "gzip_bomb"):
        in_buffers = 16 * MEGABYTE
        assert ended.sites[name].sent < 5 * MEGABYTE + in_buffers


def test_every_job_ends_within_a_minute_though_all_came_at_once(ended: Ended) -> None:
    assert len(ended.statuses) == len(FAIL_AT_ONCE) + len(FAIL_AFTER_RETRIES) + len(COMPLETE)
    assert ended.seconds < ALL_SECONDS


def test_the_system_still_writes_afterwards(ended: Ended, crowd: Any, site: str) -> None:
    job_id = crowd.submit(primary_keyword="energy efficiency", company_url=site)
    assert crowd.wait_for(job_id, "completed", "failed", seconds=30)["status"] == "completed"
    assert crowd.process.poll() is None
    assert "stage_crashed" not in crowd.whole_log()
    assert "Traceback" not in crowd.whole_log()


def test_a_site_that_forbids_reading_is_done_without_when_the_request_says_enough(
    ended: Ended, crowd: Any, hostile: Any
) -> None:
    request = {
        "primary_keyword": "bicycle chain",
        "company_url": ended.sites["forbids_all"].url,
        "company_name": "Rolling Hill Workshop",
        "source_urls": [ended.sites["ordinary"].url + path for path in hostile.PAGES],
    }
    status = crowd.wait_for(crowd.submit(**request), "completed", "failed", seconds=30)
    assert status["status"] == "completed", status
    assert any("robots.txt" in note for note in status["result"]["notes"])
    assert ended.sites["forbids_all"].requests.count("/") == 0
