"""An exponential with four hundred million digits, all of it inside one call of the decimal
library."""
# expect: kind=limit limit=wall_ms|cpu_ms
# limits: --time 500ms --memory 64MiB
import decimal

context = decimal.Context(prec=decimal.MAX_PREC, Emax=decimal.MAX_EMAX, Emin=decimal.MIN_EMIN)
context.exp(decimal.Decimal(10) ** 9)
context.power(decimal.Decimal(3), decimal.Decimal(10) ** 8)
