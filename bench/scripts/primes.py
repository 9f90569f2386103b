"""A sieve, and trial division in nested loops."""


def main():
    sieve = bytearray([1]) * 300000
    for n in range(2, 550):
        if sieve[n]:
            sieve[n * n::n] = bytes(len(range(n * n, len(sieve), n)))
    found = []
    candidate = 2
    while len(found) < 1500:
        for prime in found:
            if prime * prime > candidate:
                found.append(candidate)
                break
            if candidate % prime == 0:
                break
        else:
            found.append(candidate)
        candidate += 1
    return sum(sieve), found[-1]
