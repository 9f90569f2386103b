# Simulations: game of life, cellular automata, a bank with queues, population growth, elevator events.
import heapq
from collections import Counter, deque


def life(cells, generations):
    for _ in range(generations):
        counts = Counter((r + dr, c + dc) for r, c in cells for dr in (-1, 0, 1) for dc in (-1, 0, 1) if dr or dc)
        cells = {cell for cell, n in counts.items() if n == 3 or n == 2 and cell in cells}
    return cells


def draw(cells, size):
    return "\n".join("".join("#" if (r, c) in cells else "." for c in range(size)) for r in range(size))


glider = {(0, 1), (1, 2), (2, 0), (2, 1), (2, 2)}
print(draw(life(glider, 4), 6))
print(len(life({(0, 1), (0, 2), (1, 0), (1, 1), (2, 1)}, 60)), life({(0, 0), (0, 1), (0, 2)}, 2) == {(0, 0), (0, 1), (0, 2)})


def automaton(rule, width, steps):
    row = [0] * width
    row[width // 2] = 1
    for _ in range(steps):
        yield "".join(" *"[cell] for cell in row).rstrip()
        row = [rule >> (row[i - 1] * 4 + row[i] * 2 + row[(i + 1) % width]) & 1 for i in range(width)]


print("\n".join(automaton(30, 21, 6)))


class Noise:
    """A small linear congruential generator: the same everywhere."""

    def __init__(self, seed):
        self.state = seed

    def below(self, n):
        self.state = (self.state * 1103515245 + 12345) % 2**31
        return self.state // 65536 % n


noise = Noise(7)
events, waiting, clerks, served, waits = [(0, 0, "arrive", 0)], deque(), 2, 0, []
number = 0
while events:
    now, _, kind, who = heapq.heappop(events)
    if kind == "arrive":
        waiting.append((who, now))
        if who < 40:
            number += 1
            heapq.heappush(events, (now + 1 + noise.below(4), number, "arrive", who + 1))
    else:
        clerks += 1
        served += 1
    while clerks and waiting:
        clerks -= 1
        customer, since = waiting.popleft()
        waits.append(now - since)
        number += 1
        heapq.heappush(events, (now + 2 + noise.below(6), number, "leave", customer))
print(served, max(waits), round(sum(waits) / len(waits), 3), now)
rabbits, foxes, history = 100.0, 20.0, []
for week in range(60):
    rabbits, foxes = rabbits + 0.08 * rabbits - 0.002 * rabbits * foxes, foxes + 0.001 * rabbits * foxes - 0.06 * foxes
    if week % 12 == 0:
        history.append((week, round(rabbits, 4), round(foxes, 4)))
print(history)
balance, month = 10_000.0, 0
while balance > 0:
    balance = balance * (1 + 0.06 / 12) - 500
    month += 1
print(month, round(balance, 2))
x, logistic = 0.5, []
for _ in range(50):
    x = 3.57 * x * (1 - x)
    logistic.append(x)
print(f"{logistic[-1]:.10f}", Counter(noise.below(6) for _ in range(600)).most_common(2))
ants, grid, heading = (0, 0), set(), 1j
for _ in range(200):
    heading *= -1j if ants in grid else 1j
    grid ^= {ants}
    ants = (ants[0] + int(heading.real), ants[1] + int(heading.imag))
print(len(grid), ants)
