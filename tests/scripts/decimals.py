# Decimal arithmetic: contexts, rounding, quantize, signals, conversions, big precision.
from decimal import (ROUND_CEILING, ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Context, Decimal,
                     DivisionByZero, InvalidOperation, getcontext, localcontext)

print(Decimal("0.1") + Decimal("0.2"), Decimal(0.1), Decimal("1") / Decimal("3"))
for value in ("2.675", "2.665", "-2.675", "2.5", "3.5"):
    number = Decimal(value)
    print(value, [str(number.quantize(Decimal("0.01"), mode)) for mode in
                  (ROUND_HALF_EVEN, ROUND_HALF_UP, ROUND_DOWN, ROUND_CEILING)], round(number))
with localcontext() as context:
    context.prec = 60
    print(Decimal(2).sqrt())
    print(Decimal(1).exp())
    print(Decimal(10).ln())
print(getcontext().prec, Decimal("1E+3").normalize(), Decimal("1200").normalize(), Decimal("1.20E2"))
print(Decimal("123.4500").as_tuple(), Decimal("NaN").is_nan(), Decimal("-Infinity") < 0)
print(f"{Decimal('1234567.891'):,.2f}", f"{Decimal('0.00012'):e}", f"{Decimal('0.256'):.1%}")
try:
    Decimal(1) / 0
except DivisionByZero as error:
    print("division:", type(error).__name__)
try:
    Decimal("abc")
except InvalidOperation as error:
    print("invalid:", type(error).__name__)
narrow = Context(prec=3)
print(narrow.divide(Decimal(22), Decimal(7)), narrow.create_decimal("3.14159"))
balance, rate = Decimal("1000.00"), Decimal("0.0425")
for year in range(1, 6):
    balance = (balance * (1 + rate)).quantize(Decimal("0.01"))
    print(year, balance)
print(sum(map(Decimal, ["0.10"] * 10)) == 1, sum([0.10] * 10) == 1)
print(Decimal(7) % 3, Decimal(-7) % 3, divmod(Decimal("7.5"), 2), Decimal(2) ** 100)
print(Decimal("3.7").to_integral_value(), int(Decimal("-3.7")), Decimal("1.1").compare(Decimal("1.10")))
print(hash(Decimal("1.0")) == hash(1), Decimal("0.5") == 0.5, Decimal("5").as_integer_ratio())
