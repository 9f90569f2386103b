"""Sort numbers, strings and records by key."""


def main():
    seed, numbers = 12345, []
    for _ in range(40000):
        seed = (seed * 1103515245 + 12345) % 2147483648
        numbers.append(seed)
    strings = sorted(map(str, numbers))
    pairs = sorted(((n % 1000, n) for n in numbers), key=lambda pair: (-pair[0], pair[1]))
    return sorted(numbers)[0], strings[0], pairs[0]
