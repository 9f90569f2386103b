"""Decimal at its largest precision, fractions that explode, statistics over them."""
# expect: kind=ok stdout=held
import decimal
import fractions

survived = []
context = decimal.Context(prec=decimal.MAX_PREC, Emax=decimal.MAX_EMAX, Emin=decimal.MIN_EMIN)
big = decimal.Decimal(10) ** 1000
roads = {
    "third": lambda: context.divide(decimal.Decimal(1), decimal.Decimal(3)),
    "quantize": lambda: decimal.Decimal(1).quantize(
        decimal.Decimal((0, (1,), -(10**9))), context=context
    ),
    "format": lambda: format(decimal.Decimal("1e400000000"), "f"),
    "shift": lambda: context.shift(decimal.Decimal(1), decimal.MAX_PREC),
    "power": lambda: context.power(big, big),
}
for name, road in roads.items():
    try:
        road()
        survived.append(name)
    except (MemoryError, OverflowError, decimal.DecimalException, ValueError):
        pass
print(survived or "held")
