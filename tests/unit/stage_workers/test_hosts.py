"""The pace at hosts, at times that the test says."""

from stage_workers.adapters import hosts
from stage_workers.adapters.hosts import Host, Hosts


async def turn(turns, name):
    async with turns.turn(name):
        pass


def waits(turns, host, *times):
    return [round(turns.wait(host, now), 3) for now in times]


def test_after_a_burst_requests_come_at_an_even_pace():
    turns, host = Hosts(per_second=10, burst=3), Host(4)
    assert waits(turns, host, 5.0, 5.0, 5.0, 5.0, 5.0) == [0, 0, 0, 0.1, 0.2]


def test_a_host_that_was_left_alone_gets_its_burst_again():
    turns, host = Hosts(per_second=10, burst=2), Host(4)
    assert waits(turns, host, 5.0, 5.0, 5.0, 9.0, 9.0, 9.0) == [0, 0, 0.1, 0, 0, 0.1]


async def test_hosts_do_not_wait_for_each_other_and_are_forgotten_in_time(monkeypatch):
    monkeypatch.setattr(hosts, "MOST_HOSTS", 3)
    turns = Hosts(at_once=1, per_second=0.01, burst=1)
    async with turns.turn("kept"):
        for number in range(10):
            await turn(turns, f"host-{number}")
        assert len(turns) <= 3
        assert "kept" in turns
