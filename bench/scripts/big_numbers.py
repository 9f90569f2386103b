"""Integers of thousands of digits and decimals."""
from decimal import Decimal, getcontext


def main():
    for _ in range(20):
        product = 1
        for n in range(1, 1500):
            product *= n
    getcontext().prec = 200
    root = Decimal(2)
    guess = Decimal(1)
    for _ in range(1500):
        guess = (guess + root / guess) / 2
    return len(str(product)), str(guess)[:20]
