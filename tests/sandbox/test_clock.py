"""A sandbox's time stands still, jumps or runs, and always says the same of itself."""

import datetime as dt

import pytest

from mockserver.sandbox import clock as clocks
from mockserver.sandbox import new_store
from mockserver.sandbox.clock import moment, stamp

NOON = dt.datetime(2026, 1, 15, 12, tzinfo=dt.UTC)


def clock_at(now=None, rate=0.0):
    """A clock in a store of its own, set so."""
    clock = clocks.Clock(new_store({}))
    clock.set(now, rate)
    return clock


def test_a_clock_stands_still():
    clock = clock_at(NOON)
    assert clock.now() == clock.now() == NOON
    assert clock.stamp() == "2026-01-15T12:00:00Z"


def test_a_clock_without_a_start_starts_from_the_wall():
    before = dt.datetime.now(dt.UTC)
    assert before <= clock_at().now() <= dt.datetime.now(dt.UTC)


@pytest.mark.parametrize(
    ("units", "expected"),
    [
        ({"hours": 2}, "2026-01-15T14:00:00Z"),
        ({"days": -15}, "2025-12-31T12:00:00Z"),
        ({"milliseconds": 1500}, "2026-01-15T12:00:01.500000Z"),
        ({"minutes": 1, "seconds": 1}, "2026-01-15T12:01:01Z"),
    ],
)
def test_advance_moves_by_units(units, expected):
    clock = clock_at(NOON)
    assert clock.advance(**units) == clock.now()
    assert clock.stamp() == expected


def test_advance_moves_by_a_timedelta():
    assert clock_at(NOON).advance(dt.timedelta(days=1)) == NOON + dt.timedelta(days=1)


def test_a_stamp_is_exact_to_the_millisecond():
    assert clock_at(NOON.replace(microsecond=123_999)).stamp() == "2026-01-15T12:00:00.123000Z"


def test_a_running_clock_moves_on_and_a_frozen_one_stays():
    clock = clock_at(NOON, rate=1_000_000)
    first = clock.now()
    while clock.now() == first:
        pass
    assert clock.now() > first
    frozen = clock.freeze()
    assert frozen == clock.now() == clock.now()
    clock.run(1_000_000)
    while clock.now() == frozen:
        pass
    assert clock.now() > frozen


def test_setting_keeps_the_rate_unless_one_is_given():
    clock = clock_at(NOON, rate=2.0)
    clock.set(NOON)
    assert clock.rate == 2.0
    clock.set(NOON, 0.0)
    assert clock.now() == NOON


def test_time_is_utc_whatever_zone_it_was_given_in():
    clock = clock_at(dt.datetime(2026, 1, 15, 14, tzinfo=dt.timezone(dt.timedelta(hours=2))))
    assert clock.stamp() == "2026-01-15T12:00:00Z"
    assert clock.now().tzinfo is dt.UTC


@pytest.mark.parametrize("text", ["2026-01-15T12:00:00Z", "2026-01-15T12:00:00.250000Z", "0001-01-01T00:00:00Z"])
def test_a_stamp_reads_back_as_its_moment(text):
    assert stamp(moment(text)) == text


def test_a_copy_of_a_running_clock_goes_on_from_the_moment_it_was_made():
    clock = clock_at(NOON, rate=1_000_000)
    clock.mark()
    tables = clock.store.copy()
    shown = moment(tables["mock_clock"].get("clock")["now"])
    clock.set(NOON + dt.timedelta(days=5))
    clock.store.adopt(tables)
    clock.resume()
    clock.freeze()
    assert shown <= clock.now() < shown + dt.timedelta(days=4)


def test_the_wall_clock_is_real_while_a_test_fakes_the_time(monkeypatch):
    before = clocks.wall()
    monkeypatch.setattr("time.time", lambda: 0.0)
    monkeypatch.setattr("time.perf_counter", lambda: 0.0)
    assert clocks.wall() >= before > 1.6e9
