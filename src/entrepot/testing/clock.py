"""A clock that tests set and move."""

from datetime import UTC, datetime, timedelta


class Clock:
    """Real time unless set; then it stands until moved."""

    def __init__(self) -> None:
        self._at: datetime | None = None

    def __call__(self) -> datetime:
        return self._at or datetime.now(UTC)

    def set(self, at: datetime) -> None:
        self._at = at

    def move(self, by: timedelta) -> None:
        self._at = self() + by
