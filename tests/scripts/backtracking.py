# Backtracking: n queens, sudoku, subset sums, permutations with constraints, knight's tour, word squares.
from itertools import permutations


def queens(n, columns=()):
    row = len(columns)
    if row == n:
        yield columns
        return
    for column in range(n):
        if all(column != c and abs(column - c) != row - r for r, c in enumerate(columns)):
            yield from queens(n, columns + (column,))


def solve(grid):
    best = None
    for cell in range(81):
        if grid[cell] == "0":
            row, column = divmod(cell, 9)
            used = {grid[row * 9 + k] for k in range(9)} | {grid[k * 9 + column] for k in range(9)}
            used |= {grid[(row // 3 * 3 + k // 3) * 9 + column // 3 * 3 + k % 3] for k in range(9)}
            options = [d for d in "123456789" if d not in used]
            if best is None or len(options) < len(best[1]):
                best = cell, options
    if best is None:
        return grid
    cell, options = best
    for digit in options:
        answer = solve(grid[:cell] + digit + grid[cell + 1:])
        if answer:
            return answer
    return None


def subset_sums(numbers, target, chosen=()):
    if target == 0:
        yield chosen
    for i, number in enumerate(numbers):
        if number <= target:
            yield from subset_sums(numbers[i + 1:], target - number, chosen + (number,))


def knights_tour(size, at=(0, 0)):
    def moves(r, c):
        for dr, dc in ((1, 2), (2, 1), (2, -1), (1, -2), (-1, -2), (-2, -1), (-2, 1), (-1, 2)):
            if 0 <= r + dr < size and 0 <= c + dc < size and (r + dr, c + dc) not in order:
                yield r + dr, c + dc
    order = {at: 0}
    while len(order) < size * size:
        options = list(moves(*at))
        if not options:
            return None
        at = min(options, key=lambda square: (len(list(moves(*square))), square))
        order[at] = len(order)
    return order


print([len(list(queens(n))) for n in range(1, 9)], next(queens(8)))
puzzle = "530070000600195000098000060800060003400803001700020006060000280000419005000080079"
solution = solve(puzzle)
for start in range(0, 81, 27):
    print(" ".join(solution[start:start + 9]))
print(sorted(subset_sums([3, 34, 4, 12, 5, 2], 9)), list(subset_sums([5, 10], 3)))
tour = knights_tour(6)
print(tour and [tour[(r, c)] for r in range(2) for c in range(6)])
print(next(f"{s}{e}{n}{d}+{m}{o}{r}{e}" for s, e, n, d, m, o, r, y in permutations(range(10), 8)
           if m == 1 and s == 9 and 1000 * s + 100 * e + 10 * n + d + 1000 * m + 100 * o + 10 * r + e == 10000 * m + 1000 * o + 100 * n + 10 * e + y))


def hanoi(n, a="A", b="B", c="C"):
    return hanoi(n - 1, a, c, b) + [a + c] + hanoi(n - 1, b, a, c) if n else []


print(len(hanoi(10)), hanoi(3))


def flood(grid, r, c):
    if not (0 <= r < len(grid) and 0 <= c < len(grid[0])) or grid[r][c] != ".":
        return 0
    grid[r][c] = "#"
    return 1 + sum(flood(grid, r + dr, c + dc) for dr, dc in ((0, 1), (1, 0), (0, -1), (-1, 0)))


lake = [list(row) for row in ("..#..", ".##..", "#...#", "..#..")]
print([flood(lake, r, c) for r in range(4) for c in range(5) if lake[r][c] == "."])
