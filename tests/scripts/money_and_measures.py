# Everyday calculations: loans, taxes by bracket, unit conversion, tips, compound interest, exchange, ages, schedules.
from collections import namedtuple
from datetime import date, datetime, timedelta
from fractions import Fraction
from math import ceil, log


def loan(principal, annual_rate, years):
    rate, months = annual_rate / 12, years * 12
    payment = principal * rate / (1 - (1 + rate) ** -months)
    balance, interest_paid = principal, 0.0
    for month in range(1, months + 1):
        interest = balance * rate
        interest_paid += interest
        balance -= payment - interest
        if month % (months // 4) == 0:
            yield month, round(payment, 2), round(balance, 2), round(interest_paid, 2)


BRACKETS = [(11_600, 0.10), (47_150, 0.12), (100_525, 0.22), (191_950, 0.24), (float("inf"), 0.32)]


def tax(income):
    owed, lower = 0.0, 0
    for upper, rate in BRACKETS:
        owed += max(0, min(income, upper) - lower) * rate
        lower = upper
    return round(owed, 2)


for row in loan(200_000, 0.045, 20):
    print("month %3d payment %.2f balance %12.2f interest %10.2f" % row)
print([(income, tax(income), f"{tax(income) / income:.2%}") for income in (10_000, 50_000, 150_000, 500_000)])
UNITS = {"m": 1, "km": 1000, "mi": Fraction("1609.344"), "ft": Fraction("0.3048"), "in": Fraction("0.0254")}
print([f"{v} {a} = {float(v * UNITS[a] / UNITS[b]):.4f} {b}" for v, a, b in ((26, "mi", "km"), (6, "ft", "m"), (100, "km", "mi"), (Fraction(5, 8), "in", "m"))])
print([round(f, 2) for f in ((98.6 - 32) * 5 / 9, 37 * 9 / 5 + 32, 25 + 273.15, -40 * 9 / 5 + 32)])
bill = [("soup", 2, 4.75), ("steak", 1, 21.9), ("wine", 3, 6.2)]
subtotal = sum(n * price for _, n, price in bill)
for percent in (0, 15, 18.5):
    total = subtotal * 1.08 + subtotal * percent / 100
    print(f"tip {percent:>4}% total {total:.2f} each of 3: {ceil(total / 3 * 100) / 100:.2f}")
print(f"{1000 * (1 + 0.05) ** 10:.2f} {1000 * 2.718281828 ** 0.5:.2f} doubling in {log(2) / log(1.07):.2f} years", [round(1000 * (1 + 0.05 / n) ** n, 4) for n in (1, 4, 12, 365)])
rates = {("EUR", "USD"): 1.08, ("USD", "JPY"): 150.0, ("GBP", "EUR"): 1.17}
rates |= {(b, a): 1 / r for (a, b), r in rates.items()}


def convert(amount, source, target, seen=()):
    if source == target:
        return amount
    for (a, b), rate in rates.items():
        if a == source and b not in seen:
            found = convert(amount * rate, b, target, (*seen, a))
            if found is not None:
                return found


print(f"{convert(100, 'GBP', 'JPY'):.2f} {convert(100, 'JPY', 'GBP'):.4f}", convert(1, "GBP", "XXX"))


def age(born, today):
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


print([age(date(2000, 2, 29), d) for d in (date(2023, 2, 28), date(2023, 3, 1), date(2024, 2, 29))])
Slot = namedtuple("Slot", "start end")
busy = [Slot(datetime(2024, 5, 6, h, m), datetime(2024, 5, 6, h, m) + timedelta(minutes=length)) for h, m, length in ((9, 0, 45), (9, 30, 60), (12, 0, 30), (15, 15, 75))]
merged = []
for slot in sorted(busy):
    if merged and slot.start <= merged[-1].end:
        merged[-1] = merged[-1]._replace(end=max(merged[-1].end, slot.end))
    else:
        merged.append(slot)
edges = [datetime(2024, 5, 6, 9)] + [t for slot in merged for t in slot] + [datetime(2024, 5, 6, 17)]
print([f"{a:%H:%M}-{b:%H:%M}" for a, b in zip(edges[::2], edges[1::2]) if b > a])
print(f"{sum((b - a for a, b in zip(edges[::2], edges[1::2])), timedelta())} free", f"BMI {70 / 1.75 ** 2:.1f}", f"{42.195 / 3.5:.2f} km/h", f"{timedelta(hours=3.5) / 42.195}"[:7])
grades = {"ann": [90, 85, 77], "bob": [60, 71], "cyd": []}
print({n: (round(sum(g) / len(g), 1), "ABCDF"[min(4, max(0, 9 - int(sum(g) / len(g)) // 10))]) if g else None for n, g in grades.items()})
