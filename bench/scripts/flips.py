"""Pancake flips over all permutations of eight: list slices and index arithmetic."""
from itertools import permutations


def main():
    most = 0
    for order in permutations(range(8)):
        stack, flips = list(order), 0
        while stack[0]:
            n = stack[0] + 1
            stack[:n] = stack[:n][::-1]
            flips += 1
        most = max(most, flips)
    return most
