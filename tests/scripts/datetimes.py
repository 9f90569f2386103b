# Dates and times: arithmetic, formats, parsing, ISO weeks, time zones with fixed offsets.
from datetime import date, datetime, time, timedelta, timezone

start = datetime(2024, 2, 28, 23, 30, 15, 250)
print(start + timedelta(days=1, minutes=45), (date(2024, 3, 1) - date(2024, 2, 1)).days)
print(start.isoformat(), start.strftime("%A %d %B %Y %H:%M:%S %j %U %p %f %%"), f"{start:%d/%m/%y}")
print(datetime.strptime("03 Jan 1999 07:08 PM", "%d %b %Y %I:%M %p"))
print(date(2020, 12, 31).isocalendar(), date.fromisocalendar(2021, 1, 1), date(2000, 1, 1).weekday())
delta = timedelta(weeks=1, days=-3, hours=30.5, milliseconds=1500)
print(delta, delta.total_seconds(), divmod(delta, timedelta(hours=7)), -delta, abs(-delta) == delta)
print(repr(timedelta(microseconds=-1)), timedelta(days=1) / 7, timedelta(seconds=7) // timedelta(seconds=2))

plus2 = timezone(timedelta(hours=2), "PLUS2")
moment = datetime(2024, 7, 1, 12, tzinfo=plus2)
print(moment, moment.astimezone(timezone.utc), moment.utcoffset(), moment.tzname())
print(moment == datetime(2024, 7, 1, 10, tzinfo=timezone.utc), moment.timestamp())
print(datetime.fromisoformat("2024-07-01T10:00:00+05:30"), datetime.fromisoformat("20240701T1000Z"))
print(datetime.fromtimestamp(1700000000.5, timezone.utc), time(25 % 24, 2, 3).replace(minute=59))
print([d.isoformat() for d in (date.min, date.max)], date(2024, 1, 31).replace(day=1))


def month_ends(year):
    for month in range(1, 13):
        first = date(year + month // 12, month % 12 + 1, 1)
        yield first - timedelta(days=1)


print([d.day for d in month_ends(2023)], [d.day for d in month_ends(2024)][1])
for bad in ((2023, 2, 29), (2023, 13, 1), (0, 1, 1)):
    try:
        date(*bad)
    except ValueError as error:
        print(bad, error)
try:
    datetime.now(timezone.utc) < datetime(2024, 1, 1)
except TypeError as error:
    print(error)
print(max(date(2024, 5, 1), date(2023, 5, 1)), sorted([timedelta(2), timedelta(1)]))
