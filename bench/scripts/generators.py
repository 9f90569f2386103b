"""Generators, comprehensions and itertools pipelines."""
from itertools import chain, groupby, islice


def numbers(limit):
    n = 1
    while n < limit:
        yield n
        n += 1


def main():
    total = 0
    for _ in range(6):
        squares = (n * n for n in numbers(12000) if n % 3)
        groups = groupby(chain(squares, range(4000)), key=lambda n: n % 10 < 5)
        total += sum(sum(islice(group, 50)) for _, group in groups)
    return total
