"""Months, moments in UTC, and working calendars that count only the hours a business is open."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import cache, lru_cache
from zoneinfo import ZoneInfo

import msgspec

from entrepot.pure.errors import Invalid, Malformed


class Period(msgspec.Struct, frozen=True, order=True):
    """A calendar month. `date in period` asks whether the day lies in it; as text it is `2026-03`."""

    year: int
    month: int

    def __post_init__(self) -> None:
        if not (1 <= self.year <= 9999 and 1 <= self.month <= 12):
            raise Invalid("there is no such month")

    @classmethod
    def parse(cls, text: str) -> Period:
        """The month written `2026-03`; anything else is Malformed."""
        if not _MONTH(text):
            raise Malformed("a month is written like 2026-03")
        return cls(int(text[:4]), int(text[5:]))

    @property
    def first(self) -> date:
        return date(self.year, self.month, 1)

    @property
    def last(self) -> date:
        return date(self.year, 12, 31) if self.month == 12 else self.plus(1).first - _DAY

    def plus(self, months: int) -> Period:
        """The period so many months later, or earlier when negative."""
        year, month = divmod(self.year * 12 + self.month - 1 + months, 12)
        return Period(year, month + 1)

    def __contains__(self, day: date) -> bool:
        return (day.year, day.month) == (self.year, self.month)

    def __str__(self) -> str:
        return f"{self.year:04}-{self.month:02}"


def month_of(day: date) -> Period:
    """The month a day lies in; of a datetime, the month in its own timezone."""
    return Period(day.year, day.month)


def month_range(first: date, last: date) -> list[Period]:
    """Every month from that of `first` to that of `last`, both included; none when `last` comes before."""
    start, end = month_of(first), month_of(last)
    return [start.plus(n) for n in range((end.year - start.year) * 12 + end.month - start.month + 1)]


def utc(moment: datetime) -> datetime:
    """The same moment in UTC. Refuses a time without offset, which is no moment."""
    if moment.utcoffset() is None:
        raise Invalid("a time needs its offset from UTC")
    return _in(moment, UTC)


def rfc3339(moment: datetime) -> str:
    """The moment as the API writes it: `2026-03-29T01:00:00Z`, with fractions of a second if any."""
    return utc(moment).replace(tzinfo=None).isoformat() + "Z"


def from_rfc3339(text: str) -> datetime:
    """The moment written in RFC 3339, in UTC; without an offset, or written otherwise, it is Malformed."""
    try:
        return utc(msgspec.convert(text, datetime))
    except (ValueError, msgspec.ValidationError, Invalid):
        raise Malformed("a time is written like 2026-03-29T01:00:00Z") from None


class Opening(msgspec.Struct, frozen=True):
    """Open from one local time to another of the same day; closing at 00:00 is midnight at its end."""

    opens: time
    closes: time


OFFICE_HOURS = (Opening(time(9), time(17)),)


class WorkingCalendar(msgspec.Struct, frozen=True, kw_only=True):
    """When a business works: on which weekdays, at what local hours, and on which days it stays closed.

    `country` is ISO 3166 (`NL`, or `DE-BY` with its subdivision) and closes its public holidays, as the
    `holidays` library knows them; `weekdays` and the keys of `hours` are ISO 8601 (Monday is 1); a working
    weekday without hours of its own keeps office hours, 09:00 to 17:00. Refuses with Invalid what cannot be a
    calendar; an unknown country is refused when first asked about, because its holidays load slowly.
    """

    country: str | None = None
    weekdays: frozenset[int] = frozenset({1, 2, 3, 4, 5})
    hours: dict[int, tuple[Opening, ...]] = msgspec.field(default_factory=dict)
    timezone: str = "UTC"
    closed: frozenset[date] = frozenset()

    def __post_init__(self) -> None:
        _zone(self.timezone)
        if not (self.weekdays | self.hours.keys()) <= _WEEKDAYS:
            raise Invalid("weekdays are numbered from 1 (Monday) to 7 (Sunday)")
        for openings in self.hours.values():
            _must_follow(openings)

    def is_working_day(self, day: date) -> bool:
        return (
            day.isoweekday() in self.weekdays
            and day not in self.closed
            and (self.country is None or day not in _holidays(self.country, day.year))
        )

    def add_working_days(self, day: date, n: int) -> date:
        """The nth working day after `day`, before it when `n` is negative; `day` itself when `n` is zero."""
        start, step, left = day.toordinal(), 1 if n > 0 else -1, abs(n)
        if not left:
            return day
        for ordinal in range(start + step, start + step * _HORIZON, step):
            if not _FIRST <= ordinal <= _LAST:
                break
            left -= self.is_working_day(date.fromordinal(ordinal))
            if not left:
                return date.fromordinal(ordinal)
        raise _beyond()

    def add_working_time(self, start: datetime, duration: timedelta) -> datetime:
        """The moment, in UTC, at which the business has been open for `duration` since `start`.

        Counts elapsed time, so a night in which the clocks change is an hour shorter or longer. No time is
        over at once, at whatever hour. Refuses a duration below zero and a deadline over fifty years away.
        """
        if duration < _NOTHING:
            raise Invalid("a duration must not be below zero")
        moment, left = utc(start), duration
        if not left:
            return moment
        first = self._day(moment)
        for opens, closes in self._openings(first, min(first + _HORIZON, _LAST)):
            begin = max(opens, moment)
            open_for = max(closes - begin, _NOTHING)
            if left <= open_for:
                return begin + left
            left -= open_for
        raise _beyond()

    def working_time_between(self, start: datetime, end: datetime) -> timedelta:
        """How long the business is open from `start` to `end`; below zero when `end` comes first."""
        first, last = utc(start), utc(end)
        if last < first:
            return -self.working_time_between(last, first)
        # One day more: where clocks go back over midnight, the repeated hour belongs to the day begun before.
        openings = self._openings(self._day(first), self._day(last) + 1)
        return sum((max(min(closes, last) - max(opens, first), _NOTHING) for opens, closes in openings), _NOTHING)

    def _day(self, moment: datetime) -> int:
        return _in(moment, _zone(self.timezone)).toordinal()

    def _openings(self, first: int, last: int) -> Iterator[tuple[datetime, datetime]]:
        """What is open on these days (ordinals), in UTC, in order and without overlap."""
        if not (first >= _FIRST and last <= _LAST and last - first <= _HORIZON + 1):
            raise _beyond()
        zone = _zone(self.timezone)
        for day in map(date.fromordinal, range(first, last + 1)):
            if self.is_working_day(day):
                for opening in self.hours.get(day.isoweekday(), OFFICE_HOURS):
                    closing_day = day if opening.closes > _MIDNIGHT else day + _DAY
                    yield (
                        _instant(datetime.combine(day, opening.opens), zone),
                        _instant(datetime.combine(closing_day, opening.closes), zone),
                    )


_MONTH = re.compile(r"[0-9]{4}-[0-9]{2}").fullmatch
_DAY = timedelta(days=1)
_NOTHING = timedelta(0)
_MIDNIGHT = time(0)
_WEEKDAYS = frozenset(range(1, 8))
# Fifty years bound the work one question can cause; the first and last day leave room for every timezone.
_HORIZON = 50 * 366
_FIRST, _LAST = date(1, 1, 3).toordinal(), date(9999, 12, 29).toordinal()


def _beyond() -> Invalid:
    return Invalid("there is not enough working time within fifty years")


def _in(moment: datetime, zone: tzinfo) -> datetime:
    try:
        return moment.astimezone(zone)
    except OverflowError:
        raise Invalid("this time lies outside the calendar") from None


def _instant(local: datetime, zone: ZoneInfo) -> datetime:
    """The first moment at which clocks in the zone show this time or, where they skip it, a later one."""
    instant = local.replace(tzinfo=zone).astimezone(UTC)
    before = local.replace(tzinfo=zone, fold=1).astimezone(UTC)
    if instant <= before:
        return instant
    # PEP 495: only for a time that is skipped does fold=1 come first; the clocks jump somewhere in between.
    while instant - before > timedelta.resolution:
        middle = before + (instant - before) // 2
        if middle.astimezone(zone).replace(tzinfo=None) >= local:
            instant = middle
        else:
            before = middle
    return instant


def _must_follow(openings: tuple[Opening, ...]) -> None:
    open_until: time | None = _MIDNIGHT
    for opening in openings:
        if opening.opens.tzinfo or opening.closes.tzinfo:
            raise Invalid("opening hours are local times, without an offset")
        if open_until is None or opening.opens < open_until:
            raise Invalid("opening hours must follow each other")
        if _MIDNIGHT < opening.closes <= opening.opens:
            raise Invalid("opening hours must end after they begin")
        open_until = opening.closes if opening.closes > _MIDNIGHT else None


@cache
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):  # a folder, a path, a name that is not there
        raise Invalid("there is no timezone {timezone}", timezone=name) from None


@lru_cache(maxsize=1024)
def _holidays(country: str, year: int) -> frozenset[date]:
    import holidays  # slow to import, and most processes never ask

    code, _, subdivision = country.partition("-")
    try:
        found = holidays.country_holidays(code, subdiv=subdivision or None, years=year)
    except NotImplementedError:
        raise Invalid("there are no public holidays known for {country}", country=country) from None
    return frozenset(found)
