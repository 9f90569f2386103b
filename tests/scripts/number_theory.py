# Number theory: sieves, factoring, totients, perfect numbers, Collatz, continued fractions, digits of pi and e.
from fractions import Fraction
from itertools import count, islice, takewhile
from math import gcd, isqrt


def sieve(limit):
    flags = bytearray([1]) * (limit + 1)
    flags[:2] = b"\0\0"
    for n in range(2, isqrt(limit) + 1):
        if flags[n]:
            flags[n * n::n] = bytes(len(range(n * n, limit + 1, n)))
    return [n for n, flag in enumerate(flags) if flag]


def factor(n):
    found = {}
    for p in (2, *range(3, isqrt(n) + 1, 2)):
        while n % p == 0:
            found[p] = found.get(p, 0) + 1
            n //= p
        if p * p > n:
            break
    return found | ({n: found.get(n, 0) + 1} if n > 1 else {})


def totient(n):
    result = n
    for p in factor(n):
        result -= result // p
    return result


def collatz(n):
    steps = 0
    while n != 1:
        n, steps = (n // 2 if n % 2 == 0 else 3 * n + 1), steps + 1
    return steps


def pi_digits():
    q, r, t, k, n, l = 1, 0, 1, 1, 3, 3
    while True:
        if 4 * q + r - t < n * t:
            yield n
            q, r, n = 10 * q, 10 * (r - n * t), 10 * (3 * q + r) // t - 10 * n
        else:
            q, r, t, k, n, l = q * k, (2 * q + r) * l, t * l, k + 1, (q * (7 * k + 2) + r * l) // (t * l), l + 2


def continued_fraction(x, terms):
    for _ in range(terms):
        whole = x.numerator // x.denominator
        yield whole
        if x == whole:
            return
        x = 1 / (x - whole)


def roman(n):
    text = ""
    for value, letters in zip((1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1), "M CM D CD C XC L XL X IX V IV I".split()):
        text, n = text + letters * (n // value), n % value
    return text


def words(n):
    small = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
    tens = "twenty thirty forty fifty sixty seventy eighty ninety".split()
    if n < 20:
        return small[n]
    if n < 100:
        return tens[n // 10 - 2] + ("-" + small[n % 10] if n % 10 else "")
    if n < 1000:
        return small[n // 100] + " hundred" + (" and " + words(n % 100) if n % 100 else "")
    for size, name in ((10**9, "billion"), (10**6, "million"), (1000, "thousand")):
        if n >= size:
            return words(n // size) + " " + name + (" " + words(n % size) if n % size else "")


primes = sieve(20000)
print(len(primes), primes[-3:], sum(primes), max(b - a for a, b in zip(primes, primes[1:])))
print(factor(360), factor(2**31 - 1), factor(600851475143), [totient(n) for n in range(1, 13)])
print([n for n in range(2, 9000) if sum(d + (n // d if d * d != n and d > 1 else 0) for d in range(1, isqrt(n) + 1) if n % d == 0) == n])
print(max(range(1, 3000), key=collatz), collatz(27), list(takewhile(lambda f: f < 200, (n * (3 * n - 1) // 2 for n in count(1)))))
print("".join(map(str, islice(pi_digits(), 60))))
print(list(continued_fraction(Fraction(415, 93), 10)), list(continued_fraction(Fraction(31415926535, 10**10), 5)), sum(Fraction(1, n) for n in range(1, 11)))
print([roman(n) for n in (4, 9, 14, 1994, 3999)], words(0), words(85), words(1234567), words(10**9 + 13))
print(sum(1 for a in range(1, 60) for b in range(a, 60) if gcd(a, b) == 1), [n for n in range(10, 1000) if n == sum(int(d) ** len(str(n)) for d in str(n))])
