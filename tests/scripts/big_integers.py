# Integers: arbitrary size, bits, bases, modular arithmetic, primality, digit limits.
import sys


def is_probable_prime(n):
    if n < 2:
        return False
    for p in (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37):
        if n % p == 0:
            return n == p
    d, s = n - 1, 0
    while d % 2 == 0:
        d, s = d // 2, s + 1
    for a in (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37):
        x = pow(a, d, n)
        if x in (1, n - 1):
            continue
        for _ in range(s - 1):
            x = x * x % n
            if x == n - 1:
                break
        else:
            return False
    return True


def egcd(a, b):
    return (a, 1, 0) if b == 0 else (lambda g, x, y: (g, y, x - a // b * y))(*egcd(b, a % b))


print(2**200, (2**200).bit_length(), (2**200 - 1).bit_count(), len(str(7**3000)))
print([p for p in range(80) if is_probable_prime(p)], is_probable_prime(2**127 - 1), is_probable_prime(2**128 + 1))
print(pow(3, 10**18, 10**9 + 7), pow(7, -1, 1000), egcd(240, 46), divmod(-17, 5), -17 // 5, -17 % 5, int(-3.9))
print(int("zz", 36), int("0x_ff", 16), int("0b101", 0), hex(-255), oct(64), bin(10), f"{10**30:,}")
print((1 << 100) >> 98, -1 >> 5, 6 & 3, 6 | 3, 6 ^ 3, ~6, -8 >> 1, 5 << 3)
print((1234567890123456789).to_bytes(9, "big").hex(), int.from_bytes(b"\xff\x00", "little", signed=True), (-1).to_bytes(2, "little", signed=True))
fact = 1
for n in range(1, 101):
    fact *= n
print(fact, sum(map(int, str(fact))))
a, b = 0, 1
while len(str(b)) < 100:
    a, b = b, a + b
print(b)
try:
    int("9" * 5000)
except ValueError as error:
    print(str(error)[:60])
sys.set_int_max_str_digits(0)
print(len(str(3**20000)), int("9" * 5000) % 97)
print(10**50 // 3**20, 10**50 / 3**20, 2**1023 * 1.0, round(123456, -3), round(-15, -1), True + True)
print(sum(d * 16**i for i, d in enumerate([1, 2, 3])), 0.1 .as_integer_ratio(), (0.75).hex(), float.fromhex("0x1.8p1"))
try:
    float(10**400)
except OverflowError as error:
    print(error)
print(10**20 == 1e20, 2**53 + 1 == float(2**53 + 1), int(1e23))
