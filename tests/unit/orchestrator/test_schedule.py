"""Who gets a free slot."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import assume, given
from hypothesis import strategies as st

from contracts.ids import JobId
from orchestrator.schedule import AGEING_SECONDS, Candidate, effective_priority, pick

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)

ages = st.integers(0, int(5 * AGEING_SECONDS)).map(float)
tenants = st.sampled_from("abc")
drafts = st.lists(st.tuples(tenants, st.integers(1, 3), ages), max_size=25)
running = st.dictionaries(tenants, st.integers(0, 5))
slots = st.integers(-2, 30)


def candidate(number: int, tenant: str = "a", priority: int = 2, age: float = 0.0) -> Candidate:
    return Candidate(JobId(f"job-{number:04}"), tenant, priority, NOW - timedelta(seconds=age))


def waiting(drafts: list[tuple[str, int, float]]) -> dict[JobId, Candidate]:
    jobs = [candidate(number, *draft) for number, draft in enumerate(drafts)]
    return {job.job_id: job for job in jobs}


@given(drafts, running, slots)
def test_no_slot_stays_free_while_a_candidate_waits_and_none_is_given_twice(
    drafts: list[tuple[str, int, float]], running: dict[str, int], free: int
) -> None:
    jobs = waiting(drafts)
    picked = pick(jobs.values(), running, free, NOW)
    assert len(picked) == min(len(jobs), max(0, free))
    assert len(set(picked)) == len(picked)
    assert set(picked) <= set(jobs)


@given(drafts, running, slots, st.randoms())
def test_the_order_in_which_candidates_are_read_decides_nothing(
    drafts: list[tuple[str, int, float]], running: dict[str, int], free: int, random: st.random.Random
) -> None:
    jobs = list(waiting(drafts).values())
    picked = pick(jobs, running, free, NOW)
    random.shuffle(jobs)
    assert pick(jobs, running, free, NOW) == picked


@given(drafts, running)
def test_fewer_slots_go_to_the_first_of_those_that_more_would_have_gone_to(
    drafts: list[tuple[str, int, float]], running: dict[str, int]
) -> None:
    jobs = waiting(drafts).values()
    everyone = pick(jobs, running, len(drafts), NOW)
    for free in range(len(drafts)):
        assert pick(jobs, running, free, NOW) == everyone[:free]


@given(drafts, running, slots)
def test_nobody_is_passed_over_for_a_lower_priority(
    drafts: list[tuple[str, int, float]], running: dict[str, int], free: int
) -> None:
    jobs = waiting(drafts)
    picked = pick(jobs.values(), running, free, NOW)
    classes = [effective_priority(jobs[job_id], NOW) for job_id in picked]
    assert classes == sorted(classes)
    left = [effective_priority(job, NOW) for job_id, job in jobs.items() if job_id not in picked]
    assert not left or not classes or classes[-1] <= min(left)


@given(drafts, running, slots)
def test_within_a_priority_a_slot_goes_to_the_tenant_with_the_fewest_and_to_its_oldest_job(
    drafts: list[tuple[str, int, float]], running: dict[str, int], free: int
) -> None:
    jobs = waiting([(tenant, 2, age % AGEING_SECONDS) for tenant, _, age in drafts])
    held = Counter(running)
    rest = dict(jobs)
    for job_id in pick(jobs.values(), running, free, NOW):
        chosen = rest[job_id]
        fewest = min(held[job.tenant] for job in rest.values())
        assert held[chosen.tenant] == fewest
        assert chosen.queued_at == min(job.queued_at for job in rest.values() if held[job.tenant] == fewest)
        held[chosen.tenant] += 1
        del rest[job_id]


@given(drafts, running, slots, st.integers(1, 4))
def test_no_tenant_goes_over_its_own_limit_and_no_slot_stays_free_that_it_could_have(
    drafts: list[tuple[str, int, float]], running: dict[str, int], free: int, limit: int
) -> None:
    jobs = waiting(drafts)
    picked = pick(jobs.values(), running, free, NOW, per_tenant=limit)
    given_to = Counter(jobs[job_id].tenant for job_id in picked)
    wanted = Counter(job.tenant for job in jobs.values())
    room = {tenant: max(0, limit - running.get(tenant, 0)) for tenant in wanted}
    assert all(given_to[tenant] <= room[tenant] for tenant in wanted)
    assert len(picked) == min(max(0, free), sum(min(wanted[tenant], room[tenant]) for tenant in wanted))


@given(drafts, running, slots, st.integers(1, 4))
def test_a_tenant_s_own_limit_takes_nothing_from_the_others(
    drafts: list[tuple[str, int, float]], running: dict[str, int], free: int, limit: int
) -> None:
    """Whoever would have got a slot without limits gets one with them, unless its own tenant is at its limit."""
    jobs = waiting(drafts)
    limited = pick(jobs.values(), running, free, NOW, per_tenant=limit)
    held = Counter(running) + Counter(jobs[job_id].tenant for job_id in limited)
    for job_id in pick(jobs.values(), running, free, NOW):
        assert job_id in limited or held[jobs[job_id].tenant] >= limit or len(limited) >= free


@given(drafts, running, st.integers(1, 6), st.integers(1, 4))
def test_the_oldest_few_of_a_lane_are_all_that_can_be_picked_under_a_limit_too(
    drafts: list[tuple[str, int, float]], running: dict[str, int], free: int, limit: int
) -> None:
    jobs = waiting(drafts)
    lanes: dict[tuple[str, int], list[Candidate]] = {}
    for job in sorted(jobs.values(), key=lambda job: (job.queued_at, job.job_id)):
        lanes.setdefault((job.tenant, job.priority), []).append(job)
    oldest = [job for lane in lanes.values() for job in lane[:free]]
    everyone = pick(jobs.values(), running, free, NOW, per_tenant=limit)
    assert pick(oldest, running, free, NOW, per_tenant=limit) == everyone


@given(st.integers(1, 3), st.integers(1, 3), ages, st.floats(0, AGEING_SECONDS), tenants, tenants, running)
def test_waiting_beats_any_priority_in_the_end(
    priority: int, better: int, age: float, more: float, tenant: str, other: str, running: dict[str, int]
) -> None:
    assume(better <= priority)
    head_start = (priority - better + 1) * AGEING_SECONDS + more
    old = candidate(1, tenant, priority, age + head_start)
    young = candidate(2, other, better, age)
    assert pick([young, old], running, 1, NOW) == (old.job_id,)


def test_under_endless_high_jobs_a_low_one_goes_before_all_that_came_half_an_hour_later() -> None:
    low = candidate(0, "small", 3)
    queue = [low]
    for minute in range(120):
        now = NOW + timedelta(minutes=minute)
        queue += [Candidate(JobId(f"high-{minute}-{n}"), "big", 1, now) for n in range(3)]
        [chosen] = pick(queue, {"small": 9}, 1, now)
        if chosen == low.job_id:
            return
        passed = next(job for job in queue if job.job_id == chosen)
        assert passed.queued_at - low.queued_at < timedelta(seconds=3 * AGEING_SECONDS)
        queue.remove(passed)
    raise AssertionError("the low job never ran")


def test_ageing_raises_by_one_class_at_a_time() -> None:
    assert [effective_priority(candidate(1, "a", 3, age), NOW) for age in (0, 599, 600, 1199, 1200, 1800)] == [
        3, 3, 2, 2, 1, 0,
    ]  # fmt: skip


def test_a_job_from_the_future_is_not_punished() -> None:
    assert effective_priority(candidate(1, "a", 2, -900), NOW) == 2


@given(drafts, running, st.integers(1, 6))
def test_the_oldest_few_of_each_tenant_and_priority_are_all_that_can_be_picked(
    drafts: list[tuple[str, int, float]], running: dict[str, int], free: int
) -> None:
    jobs = waiting(drafts)
    lanes: dict[tuple[str, int], list[Candidate]] = {}
    for job in sorted(jobs.values(), key=lambda job: (job.queued_at, job.job_id)):
        lanes.setdefault((job.tenant, job.priority), []).append(job)
    oldest = [job for lane in lanes.values() for job in lane[:free]]
    assert pick(oldest, running, free, NOW) == pick(jobs.values(), running, free, NOW)
