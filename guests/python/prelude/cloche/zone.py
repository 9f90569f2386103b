"""Local time, where a run was given a time zone. The C library asks look() (localtime.c), so localtime,
mktime, astimezone and SQLite say what zoneinfo says of the same zone.

A zone is a name of the IANA database, which the image has, or a rule as POSIX writes it in TZ.
"""

import io
import os
import struct
import time
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

_EPOCH = datetime(1970, 1, 1)
_CYCLE = 12622780800  # seconds of 400 years: the calendar and the rules repeat
_FIRST, _LAST = -62072525400, 253370764800  # what datetime can hold, with a year to spare
_NAMES = {}  # name of a zone's time -> the same, kept: C holds on to its bytes
_zone = None


def _of_rule(rule):
    """A zone that has a rule and no history (RFC 8536: TZif with a footer alone)."""
    head = struct.pack(">5s15x6I", b"TZif2", 0, 0, 0, 0, 1, 1)
    body = struct.pack(">iBBx", 0, 0, 0)
    data = head + body + head + body + b"\n" + rule.encode("ascii") + b"\n"
    return ZoneInfo.from_file(io.BytesIO(data), key=rule)


def _open(name):
    for make in ZoneInfo, _of_rule:
        try:
            zone = make(name)
            zone.utcoffset(_EPOCH)
        except (LookupError, ValueError, OSError):  # LookupError: ZoneInfoNotFoundError
            continue
        return zone
    return None


def begin(name):
    """Take the zone of a program that begins, None for UTC. False: there is no such zone."""
    global _zone
    _zone = _open(name) if name is not None else None
    if name is None:
        os.environ["TZ"] = "UTC"
        time.tzname, time.timezone, time.altzone, time.daylight = ("UTC", "UTC"), 0, 0, 0
    return name is None or _zone is not None


def tell():
    """Set what module time says of the zone, as it does when it is imported elsewhere."""
    os.environ["TZ"] = _zone.key
    year = 365 * 24 * 3600 + 6 * 3600
    winter = int(time.time()) // year * year
    _, first, _, first_name = look(winter, 0)
    _, second, _, second_name = look(winter + year // 2, 0)
    if second < first:  # south of the equator
        first, second, first_name, second_name = second, first, second_name, first_name
    time.tzname = first_name, second_name
    time.timezone, time.altzone, time.daylight = -first, -second, int(first != second)


def _read(moment):
    name = moment.tzname() or "UTC"
    return (int(bool(moment.dst())), round(moment.utcoffset().total_seconds()),
            _NAMES.setdefault(name, name))


def look(seconds, local):
    """What time it is: (is it DST, offset, offset of the other kind of time, name)."""
    if not _FIRST <= seconds < _LAST:
        seconds = _FIRST + (seconds - _FIRST) % _CYCLE if seconds < _FIRST \
            else _LAST - _CYCLE + (seconds - _LAST) % _CYCLE
    moment = _EPOCH + timedelta(seconds=seconds)
    if local:
        moment = moment.replace(tzinfo=_zone)
    else:
        moment = moment.replace(tzinfo=timezone.utc).astimezone(_zone)
    is_dst, offset, name = _read(moment)
    if not local:
        return is_dst, offset, offset, name
    # Only mktime asks so, and only where it is told what kind of time is meant.
    for other in (moment.replace(fold=1), moment + timedelta(182), moment - timedelta(182)):
        other_dst, opposite, _ = _read(other)
        if other_dst != is_dst:
            return is_dst, offset, opposite, name
    return is_dst, offset, offset, name
