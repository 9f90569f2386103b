"""Numbers and dates: integers of any size, floats, decimal, fractions, statistics, datetime."""

import calendar
import cmath
import datetime
import decimal
import fractions
import math
import random
import statistics
import struct
import array
from decimal import Decimal


def divisors(n):
    small = [d for d in range(1, math.isqrt(n) + 1) if n % d == 0]
    return sorted(set(small + [n // d for d in small]))


def collatz(limit):
    best = (0, 0)
    for start in range(1, limit):
        n, steps = start, 0
        while n != 1:
            n = n // 2 if n % 2 == 0 else 3 * n + 1
            steps += 1
        best = max(best, (steps, start))
    return best


def gcd_table(n):
    total = 0
    for a in range(1, n):
        for b in range(1, a):
            x, y = a, b
            while y:
                x, y = y, x % y
            total += x
    return total


def big(bits):
    value = 3 ** bits
    text = str(value)
    assert int(text) == value
    other = (1 << bits) - 1
    quotient, remainder = divmod(value * other, other + 2)
    return len(text), quotient.bit_length(), remainder & 0xFFFF, pow(7, value, 10**9 + 7), \
        math.factorial(200) % 1009, math.comb(60, 30), f"{value:x}"[:8]


def newton(value):
    guess = value / 2 or 1.0
    for _ in range(30):
        following = (guess + value / guess) / 2
        if abs(following - guess) < 1e-12:
            break
        guess = following
    return guess


def simpson(function, low, high, steps):
    width = (high - low) / steps
    total = function(low) + function(high)
    for n in range(1, steps):
        total += function(low + n * width) * (4 if n % 2 else 2)
    return total * width / 3


def estimate_pi(samples):
    rng = random.Random(3)
    inside = sum(rng.random() ** 2 + rng.random() ** 2 <= 1 for _ in range(samples))
    return 4 * inside / samples


def loan(principal, rate, months):
    decimal.getcontext().prec = 28
    monthly = Decimal(rate) / 12
    payment = principal * monthly / (1 - (1 + monthly) ** -months)
    rows, rest = [], principal
    for month in range(1, months + 1):
        interest = (rest * monthly).quantize(Decimal("0.01"), decimal.ROUND_HALF_EVEN)
        rest -= payment - interest
        rows.append(f"{month:3d} {interest:>10,.2f} {rest:>12,.2f}")
    return payment.quantize(Decimal("0.01")), rows[-1]


def regression(xs, ys):
    mx, my = statistics.mean(xs), statistics.mean(ys)
    slope = sum((x - mx) * (y - my) for x, y in zip(xs, ys)) / sum((x - mx) ** 2 for x in xs)
    return round(slope, 6), round(my - slope * mx, 6)


def describe(values):
    ordered = sorted(values)
    return {
        "n": len(values), "mean": statistics.fmean(values), "stdev": statistics.stdev(values),
        "median": statistics.median(ordered), "quartiles": statistics.quantiles(ordered, n=4),
        "variance": statistics.variance(values), "range": max(values) - min(values),
        "mode": statistics.mode([round(v) for v in values]),
    }


def solve(n):
    rows = [[1 / (i + j + 1) + (i == j) for j in range(n)] + [float(i)] for i in range(n)]
    for column in range(n):
        pivot = max(range(column, n), key=lambda r: abs(rows[r][column]))
        rows[column], rows[pivot] = rows[pivot], rows[column]
        for row in range(column + 1, n):
            factor = rows[row][column] / rows[column][column]
            rows[row] = [a - factor * b for a, b in zip(rows[row], rows[column])]
    answer = [0.0] * n
    for row in reversed(range(n)):
        rest = sum(rows[row][k] * answer[k] for k in range(row + 1, n))
        answer[row] = (rows[row][n] - rest) / rows[row][row]
    return answer


def dates(count):
    start = datetime.datetime(2024, 1, 31, 9, 30, tzinfo=datetime.timezone.utc)
    weekdays, texts = [0] * 7, []
    for n in range(count):
        moment = start + datetime.timedelta(days=n, hours=n % 5, minutes=n * 7 % 60)
        weekdays[moment.weekday()] += 1
        text = moment.isoformat()
        assert datetime.datetime.fromisoformat(text) == moment
        if n % 10 == 0:
            texts.append(moment.strftime("%A %d %B %Y %H:%M"))
            parsed = datetime.datetime.strptime(text[:19], "%Y-%m-%dT%H:%M:%S")
            assert parsed.date() == moment.date()
    quarter = sorted({(m - 1) // 3 + 1 for m in range(1, 13)})
    days = (datetime.date(2025, 12, 25) - datetime.date(2025, 3, 1)).days
    return weekdays, texts[-1], quarter, days, calendar.monthrange(2024, 2), \
        calendar.month(2025, 3)[:10]


def bits(count):
    packed = b"".join(struct.pack("<IhfB", n, n % 100 - 50, n / 3, n % 256) for n in range(count))
    total = sum(a + b + d for a, b, c, d in struct.iter_unpack("<IhfB", packed))
    values = array.array("d", (n * 0.5 for n in range(count)))
    masks = [(n ^ n >> 1) & 0xFF | (n << 3 & 0x700) for n in range(count)]
    return total, sum(values), sum(masks), bin(masks[-1]).count("1"), masks[7].to_bytes(2, "big")


for _ in range(3):
    print(collatz(1500), gcd_table(150), big(1500)[:3], len(divisors(720720)))
    print(round(sum(newton(float(v)) for v in range(1, 1500)), 6),
          round(simpson(lambda x: math.sin(x) * math.exp(-x / 3), 0, 10, 4000), 9),
          round(simpson(math.sqrt, 0, 1, 2000), 6), estimate_pi(12000))
    print(loan(Decimal("250000"), "0.0375", 240),
          sum((fractions.Fraction(1, n) for n in range(1, 120)), fractions.Fraction()).denominator)
    rng = random.Random(11)
    sample = [rng.gauss(50, 12) for _ in range(1500)]
    print(describe(sample)["n"], regression(range(800), [3.5 * x + 2 for x in range(800)]),
          round(sum(solve(28)), 6), rng.sample(range(100), 5), rng.choices("abc", k=3))
    print(dates(700), bits(3000), abs(cmath.exp(2j)), round(math.dist((1, 2), (4, 6)), 2),
          math.prod(range(1, 12)), [f"{v:.3e} {v!r} {v:g}" for v in sample[:2]],
          sum(float(repr(v)) for v in sample) == math.fsum(sample) or "close")
