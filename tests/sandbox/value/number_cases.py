#!/usr/bin/python3
"""What numbers are, as Python itself has it: cases for number_test.c, one a line.

A line is an operation, what must come of it, and its arguments, separated by tabs. Values are CBOR in
hexadecimal, "none" stands for a refusal. The cases are all pairs of the limits of the number types, and
random ones: usage: number_cases.py SEED
"""

import json
import math
import random
import re
import struct
import sys
from decimal import Decimal
from fractions import Fraction



def fits(integer):
    return -(2**63) <= integer < 2**63


# ---- values as CBOR ----

def head(major, count):
    for info, size in ((None, 0), (24, 1), (25, 2), (26, 4), (27, 8)):
        if info is None and count < 24:
            return bytes([major << 5 | count])
        if info is not None and count < 1 << 8 * size:
            return bytes([major << 5 | info]) + count.to_bytes(size, "big")
    raise OverflowError(count)


def cbor(value):
    if value is None or isinstance(value, bool):
        return {None: b"\xf6", False: b"\xf4", True: b"\xf5"}[value]
    if isinstance(value, int):
        magnitude, negative = (-1 - value, 1) if value < 0 else (value, 0)
        if magnitude < 2**64:  # beyond 64 bits with a sign it has two forms: ours is a tag
            if magnitude < 2**63:
                return head(negative, magnitude)
        data = magnitude.to_bytes((magnitude.bit_length() + 7) // 8, "big")
        return head(6, 2 + negative) + head(2, len(data)) + data
    if isinstance(value, float):
        return b"\xfb" + struct.pack(">d", value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return head(4, len(value)) + b"".join(map(cbor, value))
    return head(5, len(value)) + b"".join(cbor(name) + cbor(member) for name, member in value.items())


def coded(value):
    return cbor(value).hex()


def bits(number):
    return struct.pack(">d", number).hex()


# ---- what is right ----

def same(left, right):
    """Equal as JSON Schema has it: numbers by value, true is not 1, nan is nothing."""
    numbers = [isinstance(value, (int, float)) and not isinstance(value, bool) for value in (left, right)]
    if all(numbers):
        return left == right
    if type(left) is not type(right) or any(numbers):
        return False
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[name], right[name]) for name in left)
    return left == right


def order(left, right):
    if left != left or right != right:
        return (left != left) - (right != right)
    return (left > right) - (left < right)


def exact(number):
    """What its author wrote: an integer is that integer, a fraction the shortest decimal."""
    whole = isinstance(number, int) or number.is_integer()
    return Fraction(int(number)) if whole else Fraction(Decimal(repr(number)))


def is_multiple(value, of):
    if isinstance(value, float) and not math.isfinite(value):
        return False
    return (exact(value) / exact(of)).denominator == 1


def nearest(value):
    try:
        return float(value)
    except OverflowError:
        return -math.inf if value < 0 else math.inf


def to_integer(value):
    if isinstance(value, int):
        return value
    return int(value) if math.isfinite(value) and value.is_integer() else None


SIZES = {"": 1, "b": 1, "bytes": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "k": 2**10, "m": 2**20,
         "g": 2**30, "kib": 2**10, "mib": 2**20, "gib": 2**30}
DURATIONS = {"": 1000, "ms": 1, "s": 1000, "sec": 1000, "m": 60000, "min": 60000, "h": 3600000}


def quantity(text, units):
    parts = re.fullmatch(r" *([0-9]+(?:\.[0-9]{1,9})?) *([A-Za-z]*)", text)
    if not parts or parts[2].lower() not in units:
        return None
    value = math.floor(Fraction(parts[1]) * units[parts[2].lower()])
    return value if value < 2**64 else None


# ---- the numbers ----

def limits():
    edges = [0, 1, 10, 2**31, 2**32, 2**53, 2**62, 2**63, 2**64, 10**15, 10**17, 10**19, 2**127, 2**1023,
             2**1024 - 2**970, 2**1024 - 2**969, 2**1024]
    integers = {sign * (edge + step) for edge in edges for step in (-2, -1, 0, 1, 2) for sign in (1, -1)}
    floats = {nearest(integer) for integer in integers}
    floats |= {5e-324, 1e-323, 2.2250738585072014e-308, 2.225073858507201e-308, sys.float_info.max, 0.1, 0.01,
               0.07, 0.3, 1.5, 2.5, 1e-7, 1e16, 1e21, 1e22, 1e23, 123456.789, 0.1 + 0.2, math.inf, 1e-300}
    for edge in list(floats):
        floats |= {math.nextafter(edge, math.inf), math.nextafter(edge, -math.inf)}
    floats |= {-number for number in floats}
    return sorted(integers) + sorted(floats) + [-0.0, math.nan]


def any_integer(chance):
    size = chance.choice([4, 31, 53, 54, 62, 63, 64, 65, 70, 128, 1023, 1024, 1100, 4000])
    return chance.choice([1, -1]) * chance.getrandbits(chance.randint(1, size))


def any_float(chance):
    kind = chance.randrange(6)
    if kind == 0:
        return struct.unpack(">d", chance.getrandbits(64).to_bytes(8, "big"))[0]
    if kind == 1:
        return chance.randint(-10**6, 10**6) / 10**chance.randint(0, 6)
    if kind == 2:
        return nearest(any_integer(chance))
    if kind == 3:
        return math.ldexp(chance.getrandbits(53), chance.randint(-1074, 900))
    if kind == 4:
        return float(chance.choice([1, -1]) * 2.0**chance.randint(-1074, 1023))
    return float(f"{chance.randint(1, 999)}e{chance.randint(-323, 305)}")


def any_number(chance):
    return any_integer(chance) if chance.random() < 0.5 else any_float(chance)


def near(chance, number):
    """Another number of about that size."""
    if isinstance(number, float) and not math.isfinite(number):
        return any_number(chance)
    whole = int(number)
    choices = [whole, whole + chance.randint(-3, 3), nearest(whole), number]
    if isinstance(number, float):
        choices += [math.nextafter(number, math.inf), math.nextafter(number, -math.inf)]
    return chance.choice(choices)


def any_tree(chance, depth=0):
    kind = chance.randrange(9 if depth < 3 else 7)
    if kind == 7:
        return [any_tree(chance, depth + 1) for _ in range(chance.randrange(4))]
    if kind == 8:
        return {chance.choice(["a", "b", "", "a\0"]): any_tree(chance, depth + 1)
                for _ in range(chance.randrange(4))}
    return chance.choice([None, True, False, 0, 1, 2, 2.0, 0.0, -0.0, 1.0, math.nan, 2**63, 2.0**63, "", "a", "1",
                          b"", b"a", 2**53, 2**53 + 1, 2.0**53])


def disguise(chance, value):
    """Equal, in another form: members in another order, integers as floats and back."""
    if isinstance(value, list):
        return [disguise(chance, item) for item in value]
    if isinstance(value, dict):
        names = list(value)
        chance.shuffle(names)
        return {name: disguise(chance, value[name]) for name in names}
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value:
        return value
    other = nearest(value) if isinstance(value, int) else to_integer(value)
    return other if other is not None and other == value and chance.random() < 0.5 else value


# ---- the cases ----

LINES = []


def say(operation, want, *arguments):
    if want is None:
        want = "none"
    LINES.append("\t".join([operation, str(int(want) if isinstance(want, bool) else want), *arguments]))


def say_one(number):
    value = coded(number)
    say("cbor", value, value)
    say("number", bits(nearest(number)), value)
    integer = to_integer(number)
    say("integer", integer if integer is not None and fits(integer) else None, value)
    say("whole", None if integer is None else coded(integer), value)
    finite = isinstance(number, int) or math.isfinite(number)
    say("write", repr(number) if finite else None, value)
    if finite:
        say("read", value if in_json(number) else None, repr(number))


def in_json(number):
    return math.isfinite(number) if isinstance(number, float) else fits(number)


def say_bounds(value, bound):
    place = order(value, bound) if value == value else None
    for keyword, right in (("minimum", (0, 1)), ("maximum", (0, -1)), ("exclusiveMinimum", (1,)),
                           ("exclusiveMaximum", (-1,))):
        say("check", place in right, json.dumps({keyword: bound}), coded(value))


def say_pair(left, right):
    say("order", order(left, right), coded(left), coded(right))
    if in_json(right):
        say_bounds(left, right)
        say("check", left == right, json.dumps({"const": right}), coded(left))
        say("check", left == right, json.dumps({"enum": ["x", None, right, True]}), coded(left))
        if right > 0:
            say("multiple", is_multiple(left, right), coded(left), coded(right))
            say("check", is_multiple(left, right), json.dumps({"multipleOf": right}), coded(left))


def say_multiple(chance):
    """Products, and what is beside them, in decimal."""
    of = chance.choice([0.1, 0.01, 0.05, 0.25, 0.3, 1e-7, 2.5, 3, 7, 10**18, 2**53, 1e22, 2.0**70, 12345.678,
                        abs(any_float(chance))])
    if not math.isfinite(of) or not of:
        return
    factor = chance.choice([chance.randint(-10**6, 10**6), any_integer(chance)])
    product = exact(of) * factor
    value = int(product) if product.denominator == 1 and chance.random() < 0.8 else nearest(product)
    if chance.random() < 0.3:
        value = near(chance, value)
    say("multiple", is_multiple(value, of), coded(value), coded(of))


def say_trees(chance):
    items = [any_tree(chance) for _ in range(chance.randrange(7))]
    if items and chance.random() < 0.5:
        items.insert(chance.randrange(len(items) + 1), disguise(chance, chance.choice(items)))
    repeated = any(same(items[i], items[j]) for i in range(len(items)) for j in range(i))
    say("check", not repeated, '{"uniqueItems": true}', coded(items))
    left = any_tree(chance)
    right = disguise(chance, left) if chance.random() < 0.5 else any_tree(chance)
    say("equal", same(left, right), coded(left), coded(right))


def say_counts(chance):
    limit = chance.choice([0, 1, 2, 3, 2.0, -0.0, 3.0, 2**63 - 1, 1e19, 1e300])
    length = chance.randrange(5)
    for keyword, value in (("Length", "é" * length), ("Items", [None] * length)):
        say("check", length >= limit, json.dumps({"min" + keyword: limit}), coded(value))
        say("check", length <= limit, json.dumps({"max" + keyword: limit}), coded(value))
        bad = chance.choice([-1, -1.0, 0.5, -2**63, "1", None, True, -1e300])
        say("schema", False, json.dumps({chance.choice(["min", "max"]) + keyword: bad}))


def say_texts(chance):
    whole = chance.choice([0, 1, 7, 2**53 + 1, 2**63, 2**64 - 1, 2**64, 10**30, chance.getrandbits(64)])
    whole //= chance.choice([1, 1, 2**10, 10**6, 3600000, 60000, 1000])
    text = str(whole)
    if chance.random() < 0.5:
        text += "." + "".join(chance.choices("0123456789", k=chance.randint(0, 10)))
    unit = chance.choice([*SIZES, *DURATIONS, "x"])
    text += chance.choice(["", " "]) + chance.choice([unit, unit.upper(), unit.title()])
    say("size", quantity(text, SIZES), text)
    say("duration", quantity(text, DURATIONS), text)
    least, most = sorted(chance.choice([0, 1, 2**32, 2**53 + 1, 2**63, 2**64 - 1]) for _ in range(2))
    number = chance.choice([least, most]) + chance.randint(-1, 1)
    say("count", number if 0 <= number < 2**64 and least <= number <= most else None, str(least), str(most),
        str(number))


def say_fields(chance):
    low, high = sorted(chance.choice([0.0, 1.0, -2.0, 0.1, 2.0**31 - 1, 2.0**53, 2.0**62, 1e300]) for _ in range(2))
    value = near(chance, chance.choice([low, high]))
    if in_json(value):
        inside = low <= value <= high
        say("field", inside and isinstance(value, int), "integer", low.hex(), high.hex(), repr(value))
        say("field", inside, "number", low.hex(), high.hex(), repr(value))


def main():
    chance = random.Random(int(sys.argv[1]))
    edges = limits()
    for number in edges:
        say_one(number)
    pairs = [(number, coded(number)) for number in edges]
    for left, left_coded in pairs:
        for right, right_coded in pairs:
            say("order", order(left, right), left_coded, right_coded)
    for exponent in range(-1074, 1024):
        say_one(2.0**exponent)
    for exponent in range(-323, 309):
        say_one(float(f"1e{exponent}"))
    for cents in range(0, 10000, 7):
        say("multiple", True, coded(cents / 100), coded(0.01))
        say("multiple", cents % 100 == 0, coded(cents / 100), coded(1))
    for _ in range(2000):
        say_pair(chance.choice(edges), chance.choice(edges))
    for _ in range(3000):
        number = any_number(chance)
        say_one(number)
        say_pair(number, near(chance, number))
        say_multiple(chance)
        say_trees(chance)
    for _ in range(1000):
        say_counts(chance)
        say_texts(chance)
        say_fields(chance)
    sys.stdout.write("\n".join(LINES) + "\n")  # at once: standard output may be unbuffered


main()
