"""When a cron entry ticks: five-field cron syntax read in an IANA zone.

Where a zone changes its clocks, the rules are those of Debian's cron:

* A schedule with a fixed minute and hour keeps to the day: a time that the change skips ticks once, at the first minute
  after the gap; a time that comes twice ticks once, at its first coming.
* A schedule whose minute or hour begins with `*` keeps to the interval: it ticks as real time passes, so not at all in the
  skipped hour and in both of the doubled ones.

No instant ticks twice.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

_MARGIN = timedelta(days=2)


class Schedule:
    """The ticks of one entry, as instants in UTC. Raises `ValueError` for a schedule or zone that can't be read."""

    def __init__(self, text: str, timezone: str) -> None:
        if len(text.split()) != 5:
            raise ValueError(f"{text!r} is not a schedule: write five fields, minute hour day month weekday")
        try:
            self._zone = ZoneInfo(timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"{timezone!r} is not a time zone: write an IANA name such as Europe/Berlin") from None
        self._text = text
        try:
            next(CronSim(text, datetime(2026, 1, 1, tzinfo=UTC)))
        except CronSimError as error:
            raise ValueError(f"{text!r} is not a schedule: {error}") from None
        except StopIteration:
            raise ValueError(f"{text!r} never ticks") from None

    def after(self, instant: datetime) -> Iterator[datetime]:
        """Every tick later than `instant`, ascending."""
        last = instant
        # A local time that is ambiguous may be read as its first coming, before `instant`: such ticks have been.
        for local in CronSim(self._text, instant.astimezone(self._zone)):
            tick = local.astimezone(UTC)
            if tick > last:
                last = tick
                yield tick

    def between(self, start: datetime, end: datetime, at_most: int) -> list[datetime]:
        """The ticks later than `start` and not later than `end`, ascending; of more than `at_most` the latest.

        However long ago `start` is, this looks at little more than `at_most` of them."""
        # Backwards only to find where to begin: the rules above are those of going forward.
        backwards = CronSim(self._text, end.astimezone(self._zone), reverse=True)
        for local in islice(backwards, at_most, at_most + 1):
            start = max(start, local.astimezone(UTC) - _MARGIN)
        found: deque[datetime] = deque(maxlen=at_most)
        for tick in self.after(start):
            if tick > end:
                break
            found.append(tick)
        return list(found)
