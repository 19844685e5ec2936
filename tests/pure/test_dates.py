"""Months, moments, and deadlines that run only while somebody is at work."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.pure.dates import (
    OFFICE_HOURS,
    Opening,
    Period,
    WorkingCalendar,
    from_rfc3339,
    month_of,
    month_range,
    rfc3339,
    utc,
)
from entrepot.pure.errors import Invalid, Malformed

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
ALL_WEEK = frozenset(range(1, 8))
ALL_DAY = (Opening(time(0), time(0)),)

OFFICE = WorkingCalendar(country="NL", timezone="Europe/Amsterdam", closed=frozenset({date(2026, 3, 3)}))
NIGHT_SHOP = WorkingCalendar(
    weekdays=ALL_WEEK,
    hours={
        day: (Opening(time(0), time(4)), Opening(time(12), time(12, 30)), Opening(time(22), time(0)))
        for day in (5, 6, 7)
    },
    timezone="Europe/Amsterdam",
)
ALWAYS = WorkingCalendar(weekdays=ALL_WEEK, hours=dict.fromkeys(ALL_WEEK, ALL_DAY), timezone="America/New_York")
# On Lord Howe Island the clocks move by half an hour, in Beirut at midnight; Apia skipped a day.
ISLAND = WorkingCalendar(timezone="Australia/Lord_Howe")
BEIRUT = WorkingCalendar(weekdays=ALL_WEEK, hours=dict.fromkeys(ALL_WEEK, ALL_DAY), timezone="Asia/Beirut")
ST_JOHNS = WorkingCalendar(weekdays=ALL_WEEK, hours=dict.fromkeys(ALL_WEEK, ALL_DAY), timezone="America/St_Johns")
APIA = WorkingCalendar(weekdays=ALL_WEEK, timezone="Pacific/Apia")
CALENDARS = st.sampled_from([OFFICE, NIGHT_SHOP, ALWAYS, ISLAND, BEIRUT, ST_JOHNS, APIA, WorkingCalendar()])
CHANGES = [
    datetime(2026, 3, 29, tzinfo=UTC),  # Europe
    datetime(2026, 10, 25, tzinfo=UTC),
    datetime(2026, 3, 8, tzinfo=UTC),  # New York
    datetime(2026, 11, 1, tzinfo=UTC),
    datetime(2026, 4, 4, tzinfo=UTC),  # Lord Howe
    datetime(2026, 10, 3, tzinfo=UTC),
    datetime(2021, 3, 27, tzinfo=UTC),  # Beirut
    datetime(2021, 10, 30, tzinfo=UTC),
    datetime(2010, 11, 7, tzinfo=UTC),  # St. John's
    datetime(2011, 12, 30, tzinfo=UTC),  # Apia
]
MOMENTS = st.datetimes(
    datetime(2009, 1, 1),  # noqa: DTZ001
    datetime(2030, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
) | st.builds(datetime.__add__, st.sampled_from(CHANGES), st.timedeltas(timedelta(days=-2), timedelta(days=2)))
DURATIONS = st.timedeltas(timedelta(0), timedelta(days=20))


def local(*parts: int, zone: ZoneInfo = AMSTERDAM) -> datetime:
    return datetime(*parts, tzinfo=zone)  # type: ignore[misc,arg-type]


def hours(n: float) -> timedelta:
    return timedelta(hours=n)


def test_periods() -> None:
    march = Period(2026, 3)
    assert (march.first, march.last) == (date(2026, 3, 1), date(2026, 3, 31))
    assert Period(2024, 2).last == date(2024, 2, 29)
    assert Period(9999, 12).last == date(9999, 12, 31)
    assert date(2026, 3, 31) in march
    assert date(2025, 3, 31) not in march
    assert (march.plus(10), march.plus(-3), march.plus(0)) == (Period(2027, 1), Period(2025, 12), march)
    assert str(Period(26, 3)) == "0026-03"
    assert Period.parse("2026-03") == march == month_of(date(2026, 3, 9)) == month_of(local(2026, 3, 9))
    assert Period(2025, 12) < march


def test_month_range() -> None:
    assert month_range(date(2025, 11, 30), date(2026, 1, 1)) == [
        Period(2025, 11),
        Period(2025, 12),
        Period(2026, 1),
    ]
    assert month_range(date(2026, 1, 31), date(2026, 1, 1)) == [Period(2026, 1)]
    assert month_range(date(2026, 2, 1), date(2026, 1, 1)) == []


def test_there_is_no_such_month() -> None:
    for year, month in [(2026, 0), (2026, 13), (0, 1), (10000, 1)]:
        with pytest.raises(Invalid):
            Period(year, month)
    with pytest.raises(Invalid):
        Period(9999, 12).plus(1)
    for text in ["", "2026-3", "2026-03-01", "2026/03", "٢٠٢٦-٠٣", "2026-03\n"]:
        with pytest.raises(Malformed):
            Period.parse(text)


def test_moments_in_utc() -> None:
    moment = local(2026, 3, 29, 3, 30)
    assert utc(moment).isoformat() == "2026-03-29T01:30:00+00:00"
    assert rfc3339(moment) == "2026-03-29T01:30:00Z"
    assert rfc3339(moment.replace(microsecond=120)) == "2026-03-29T01:30:00.000120Z"
    assert from_rfc3339("2026-03-29T03:30:00+02:00") == moment
    assert from_rfc3339("2026-03-29T03:30:00+02:00").tzinfo is UTC


def test_a_time_without_offset_or_outside_the_calendar_is_refused() -> None:
    for moment in [
        datetime(2026, 1, 1),  # noqa: DTZ001
        datetime(1, 1, 1, tzinfo=timezone(hours(14))),
        datetime(9999, 12, 31, 23, tzinfo=timezone(hours(-14))),
    ]:
        with pytest.raises(Invalid):
            utc(moment)
    for text in ["", "2026-01-01", "2026-01-01T00:00:00", "0001-01-01T00:00:00+14:00", "\ud800", "now"]:
        with pytest.raises(Malformed):
            from_rfc3339(text)


@settings(deadline=None)
@given(st.datetimes(timezones=st.just(UTC)))
def test_rfc3339_comes_back(moment: datetime) -> None:
    assert from_rfc3339(rfc3339(moment)) == moment


def test_working_days() -> None:
    for day, works in [
        (date(2026, 3, 2), True),
        (date(2026, 3, 3), False),  # closed by the business
        (date(2026, 3, 7), False),  # a Saturday
        (date(2026, 4, 6), False),  # Easter Monday
        (date(2026, 4, 27), False),  # King's Day
    ]:
        assert OFFICE.is_working_day(day) is works
    assert OFFICE.add_working_days(date(2026, 4, 2), 1) == date(2026, 4, 7)
    assert OFFICE.add_working_days(date(2026, 4, 7), -1) == date(2026, 4, 2)
    assert OFFICE.add_working_days(date(2026, 3, 7), 0) == date(2026, 3, 7)
    assert OFFICE.add_working_days(date(2026, 3, 7), 2) == date(2026, 3, 10)


def test_holidays_of_a_part_of_a_country() -> None:
    epiphany = date(2026, 1, 6)
    assert WorkingCalendar(country="DE").is_working_day(epiphany)
    assert not WorkingCalendar(country="DE-BY").is_working_day(epiphany)


@settings(deadline=None)
@given(CALENDARS, st.dates(date(2010, 1, 1), date(2030, 1, 1)), st.integers(1, 100))
def test_working_days_there_and_back(calendar: WorkingCalendar, day: date, n: int) -> None:
    end = calendar.add_working_days(day, n)
    counted = [date.fromordinal(o) for o in range(day.toordinal() + 1, end.toordinal() + 1)]
    assert sum(map(calendar.is_working_day, counted)) == n
    assert calendar.is_working_day(end)
    if calendar.is_working_day(day):
        assert calendar.add_working_days(end, -n) == day


@pytest.mark.parametrize(
    ("start", "duration", "end"),
    [
        (local(2026, 3, 2, 10), hours(2), local(2026, 3, 2, 12)),
        (local(2026, 3, 2, 16), hours(1), local(2026, 3, 2, 17)),
        (local(2026, 3, 2, 16), hours(2), local(2026, 3, 4, 10)),
        (local(2026, 3, 6, 23), hours(8), local(2026, 3, 9, 17)),
        (local(2026, 3, 7, 5), hours(0), local(2026, 3, 7, 5)),
        (local(2026, 4, 2, 17), timedelta(microseconds=1), local(2026, 4, 7, 9, 0, 0, 1)),
        (local(2026, 3, 27, 16), hours(4), local(2026, 3, 30, 12)),  # over the night the clocks go forward
    ],
)
def test_office_hours(start: datetime, duration: timedelta, end: datetime) -> None:
    assert OFFICE.add_working_time(start, duration) == end
    assert OFFICE.working_time_between(start, end) == duration
    assert OFFICE.add_working_time(start, duration).tzinfo is UTC


def test_a_day_on_which_the_clocks_change_is_shorter_or_longer() -> None:
    zone = ZoneInfo("America/New_York")
    for day, length in [(date(2026, 3, 8), 23), (date(2026, 3, 9), 24), (date(2026, 11, 1), 25)]:
        start = datetime.combine(day, time(0), zone)
        end = datetime.combine(day + timedelta(days=1), time(0), zone)
        assert ALWAYS.working_time_between(start, end) == hours(length)
        assert ALWAYS.add_working_time(start, hours(length)) == end


def test_an_hour_repeated_over_midnight() -> None:
    start = datetime(2010, 11, 7, 2, tzinfo=UTC)  # 23:30 in St. John's; at 00:01 the clocks go back to 23:01
    for minutes in (30, 31, 60, 90, 120, 150):
        end = start + timedelta(minutes=minutes)
        assert ST_JOHNS.working_time_between(start, end) == timedelta(minutes=minutes)
        assert ST_JOHNS.add_working_time(start, timedelta(minutes=minutes)) == end
        assert ST_JOHNS.add_working_time(end, hours(3)) == end + hours(3)


def test_opening_at_an_hour_the_clocks_skip() -> None:
    sunday = (Opening(time(1), time(2, 15)), Opening(time(2, 30), time(2, 45)), Opening(time(2, 50), time(4)))
    calendar = WorkingCalendar(weekdays=frozenset({7}), hours={7: sunday}, timezone="Europe/Amsterdam")
    start, end = local(2026, 3, 29), local(2026, 3, 29, 12)
    assert calendar.working_time_between(start, end) == hours(2)  # 01:00 to 02:00 and 03:00 to 04:00
    assert calendar.add_working_time(start, hours(1)) == local(2026, 3, 29, 3)
    assert calendar.add_working_time(start, hours(1.5)) == local(2026, 3, 29, 3, 30)
    autumn = local(2026, 10, 25)
    # 01:00 to the first 02:15, a quarter of the first 02:30, then 02:50 to 04:00 with the repeated hour in it
    assert calendar.working_time_between(autumn, local(2026, 10, 25, 12)) == timedelta(minutes=75 + 15 + 130)


@settings(deadline=None)
@given(CALENDARS, MOMENTS, st.integers(0, 4 * 24 * 60))
def test_time_is_counted_minute_by_minute(calendar: WorkingCalendar, start: datetime, minutes: int) -> None:
    start = start.replace(second=0, microsecond=0)
    zone = ZoneInfo(calendar.timezone)
    expected = 0
    for n in range(minutes):
        shown = (start + timedelta(minutes=n)).astimezone(zone)
        openings = calendar.hours.get(shown.isoweekday(), OFFICE_HOURS)
        expected += calendar.is_working_day(shown.date()) and any(
            opening.opens <= shown.time() and (shown.time() < opening.closes or opening.closes == time(0))
            for opening in openings
        )
    end = start + timedelta(minutes=minutes)
    assert calendar.working_time_between(start, end) == timedelta(minutes=expected)


@settings(deadline=None)
@given(CALENDARS, MOMENTS, DURATIONS, DURATIONS)
def test_deadlines_are_monotone_and_take_back_what_was_added(
    calendar: WorkingCalendar, start: datetime, first: timedelta, second: timedelta
) -> None:
    one, both = (calendar.add_working_time(start, duration) for duration in (first, first + second))
    assert start <= one <= both
    assert calendar.working_time_between(start, one) == first
    assert calendar.working_time_between(one, start) == -first
    assert calendar.working_time_between(one, both) == second
    assert calendar.add_working_time(one, second) == both
    assert calendar.add_working_time(start + second, first) >= one


@settings(deadline=None)
@given(CALENDARS, MOMENTS, DURATIONS)
def test_a_deadline_lies_within_working_hours(calendar: WorkingCalendar, start: datetime, duration: timedelta) -> None:
    end = calendar.add_working_time(start, duration)
    if duration:
        moment_before = end - timedelta.resolution
        assert calendar.working_time_between(moment_before, end) == timedelta.resolution


def test_what_has_no_answer_is_refused() -> None:
    start = local(2026, 3, 2)
    never = WorkingCalendar(weekdays=frozenset())
    idle = WorkingCalendar(hours=dict.fromkeys(range(1, 6), ()))
    asks: list[Any] = [
        lambda: never.add_working_days(start.date(), 1),
        lambda: never.add_working_days(start.date(), -1),
        lambda: never.add_working_time(start, hours(1)),
        lambda: idle.add_working_time(start, hours(1)),
        lambda: OFFICE.add_working_time(start, timedelta.max),
        lambda: OFFICE.add_working_time(start, hours(-1)),
        lambda: OFFICE.add_working_time(datetime(2026, 1, 1), hours(1)),  # noqa: DTZ001
        lambda: OFFICE.add_working_time(datetime.min.replace(tzinfo=UTC), hours(1)),
        lambda: OFFICE.add_working_time(datetime.max.replace(tzinfo=UTC), hours(1)),
        lambda: OFFICE.working_time_between(start, datetime.max.replace(tzinfo=UTC)),
        lambda: OFFICE.working_time_between(start, start.replace(year=2126)),
        lambda: OFFICE.add_working_days(date.max, 1),
        lambda: OFFICE.add_working_days(date.min, -1),
        lambda: WorkingCalendar(country="XX").is_working_day(start.date()),
        lambda: WorkingCalendar(country="DE-ZZ").is_working_day(start.date()),
    ]
    for ask in asks:
        with pytest.raises(Invalid):
            ask()
    assert never.working_time_between(start, start + timedelta(days=30)) == timedelta(0)
    assert idle.working_time_between(start, start + timedelta(days=30)) == timedelta(0)


@pytest.mark.parametrize(
    "openings",
    [
        (Opening(time(9), time(9)),),
        (Opening(time(17), time(9)),),
        (Opening(time(9), time(12)), Opening(time(11), time(17))),
        (Opening(time(13), time(17)), Opening(time(9), time(12))),
        (Opening(time(9), time(0)), Opening(time(13), time(17))),
        (Opening(time(9, tzinfo=UTC), time(17, tzinfo=UTC)),),
    ],
)
def test_opening_hours_that_cannot_be_are_refused(openings: tuple[Opening, ...]) -> None:
    with pytest.raises(Invalid):
        WorkingCalendar(hours={1: openings})


def test_weekdays_and_timezones_that_cannot_be_are_refused() -> None:
    for name in ["Europe", "Nope/Zone", "", "../etc", "/etc/passwd", "a\0b", "x" * 300, "\ud800"]:
        with pytest.raises(Invalid):
            WorkingCalendar(timezone=name)
    for days in [{0}, {8}]:
        with pytest.raises(Invalid):
            WorkingCalendar(weekdays=frozenset(days))
    with pytest.raises(Invalid):
        WorkingCalendar(hours={0: OFFICE_HOURS})


def test_a_calendar_is_a_setting() -> None:
    assert msgspec.json.decode(msgspec.json.encode(NIGHT_SHOP), type=WorkingCalendar) == NIGHT_SHOP
    with pytest.raises(Invalid):
        msgspec.json.decode(b'{"timezone": "Nope"}', type=WorkingCalendar)
