# A mixed bag as models write it: read, clean, group, rank and print a small data set, with a retry and a cache.
import functools
import re
import statistics
from collections import Counter, defaultdict
from operator import itemgetter

RAW = """
2024-03-01 | alice@example.com | purchase | 120.50 EUR
2024-03-01 | BOB@example.org   | refund   | -20 EUR
2024-03-02 | alice@example.com | purchase | 79.99 USD
2024-03-02 | carol@test        | purchase | 10 EUR
2024-03-03 | bob@example.org   | purchase | 1,250.00 EUR
broken line without fields
2024-03-04 | dave@example.net  | visit    |
2024-03-05 | alice@example.com | purchase | 35.25 EUR
"""
EMAIL = re.compile(r"^[\w.+-]+@[\w-]+\.[a-z]{2,}$")
RATES = {"EUR": 1.0, "USD": 0.92}


def parse(line):
    fields = [field.strip() for field in line.split("|")]
    if len(fields) != 4:
        raise ValueError(f"expected 4 fields, got {len(fields)}")
    day, email, kind, amount = fields
    email = email.lower()
    if not EMAIL.match(email):
        raise ValueError(f"bad address {email!r}")
    value = 0.0
    if amount:
        number, currency = amount.split()
        value = float(number.replace(",", "")) * RATES[currency]
    return {"day": day, "email": email, "kind": kind, "value": round(value, 2)}


records, problems = [], []
for number, line in enumerate(RAW.strip().splitlines(), 1):
    try:
        records.append(parse(line))
    except ValueError as error:
        problems.append(f"line {number}: {error}")
print(len(records), "records", problems)
per_user = defaultdict(list)
for record in records:
    per_user[record["email"]].append(record["value"])
for email, values in sorted(per_user.items(), key=lambda item: -sum(item[1])):
    print(f"{email:<20}{len(values):>3}{sum(values):>10.2f}{statistics.fmean(values):>10.2f}")
print(Counter(map(itemgetter("kind"), records)).most_common(), max(records, key=itemgetter("value"))["day"])
calls = []


def retry(times):
    def decorate(function):
        @functools.wraps(function)
        def wrapper(*args):
            for attempt in range(1, times + 1):
                try:
                    return function(*args, attempt)
                except ConnectionError as error:
                    calls.append(f"{attempt}: {error}")
            raise RuntimeError(f"{function.__name__} failed {times} times")
        return wrapper
    return decorate


@retry(3)
def flaky(need, attempt):
    if attempt < need:
        raise ConnectionError("not yet")
    return f"worked at attempt {attempt}"


print(flaky(2), calls)
try:
    flaky(9)
except RuntimeError as error:
    print(error, len(calls))
running, outliers = [], []
for record in records:
    running.append(record["value"])
    if len(running) > 2 and abs(record["value"] - statistics.median(running)) > 3 * statistics.pstdev(running[:-1]):
        outliers.append(record["value"])
print(outliers, [round(v, 2) for v in statistics.quantiles([r["value"] for r in records], n=4)])
print({k: sum(1 for r in records if r["day"] == k) for k in sorted({r["day"] for r in records})})
