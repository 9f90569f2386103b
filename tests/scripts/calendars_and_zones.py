# calendar, zoneinfo, time: months as text, time zones with daylight saving, recurring dates, parsing times.
import calendar
import time
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

print(calendar.month(2024, 2))
print(calendar.isleap(2000), calendar.leapdays(1900, 2000), calendar.monthrange(2023, 2), calendar.weekday(1969, 7, 20), list(calendar.day_abbr))
print(calendar.TextCalendar(calendar.SUNDAY).formatmonth(2021, 8, w=3).splitlines()[2])
fridays13 = [f"{y}-{m:02}" for y in (2023, 2024, 2026) for m in range(1, 13) if calendar.weekday(y, m, 13) == 4]
print(fridays13, calendar.timegm((1970, 1, 2, 0, 0, 0)), [w[0] for w in calendar.monthcalendar(2024, 4)])
berlin, york, tokyo, kolkata = map(ZoneInfo, ("Europe/Berlin", "America/New_York", "Asia/Tokyo", "Asia/Kolkata"))
noon = datetime(2024, 3, 30, 12, tzinfo=berlin)
print(noon, noon + timedelta(days=1), (noon + timedelta(days=1)).astimezone(timezone.utc) - noon.astimezone(timezone.utc))
for zone in (york, tokyo, kolkata):
    print(noon.astimezone(zone).isoformat(), zone.key, noon.astimezone(zone).tzname())
folded = datetime(2024, 10, 27, 2, 30, tzinfo=berlin)
print(folded.utcoffset(), folded.replace(fold=1).utcoffset(), folded.timestamp() - folded.replace(fold=1).timestamp())
print(datetime(1900, 1, 1, tzinfo=york).utcoffset(), datetime(2050, 7, 1, tzinfo=york).dst(), datetime(2024, 1, 1, tzinfo=ZoneInfo("UTC")).tzname())
try:
    ZoneInfo("Mars/Olympus")
except ZoneInfoNotFoundError as error:
    print("no zone:", error)
moment = time.gmtime(1_000_000_000)
print(time.strftime("%Y-%m-%dT%H:%M:%SZ %a %b %j", moment), moment.tm_yday, moment.tm_wday, time.asctime(moment))
print(time.strptime("30 Nov 00", "%d %b %y")[:3], time.strptime("16:45", "%H:%M").tm_hour)
start = time.monotonic()
time.sleep(0.01)
print(time.monotonic() - start >= 0.01, time.time() > 1.7e9, time.perf_counter_ns() > 0)
day, meetings = datetime(2024, 1, 31), []
while len(meetings) < 6:
    last = calendar.monthrange(day.year, day.month)[1]
    meetings.append(day.replace(day=last).strftime("%a %d %b"))
    day = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
print(meetings)


def easter(year):
    a, b, c = year % 19, year // 100, year % 100
    d, e = divmod(b, 4)
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    m = (32 + 2 * e + 2 * i - h - k) % 7
    n = (a + 11 * h + 22 * m) // 451
    month, day_ = divmod(h + m - 7 * n + 114, 31)
    return f"{month}/{day_ + 1}"


print([easter(y) for y in (2000, 2024, 2025, 2038)])
