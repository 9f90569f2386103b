# Matrices without numpy: products, determinants, inverses with fractions, rotations, spirals.
from fractions import Fraction


def multiply(a, b):
    columns = list(zip(*b))
    return [[sum(x * y for x, y in zip(row, column)) for column in columns] for row in a]


def determinant(matrix):
    if len(matrix) == 1:
        return matrix[0][0]
    return sum((-1) ** c * matrix[0][c] * determinant([row[:c] + row[c + 1:] for row in matrix[1:]])
               for c in range(len(matrix)))


def inverse(matrix):
    n = len(matrix)
    rows = [[Fraction(v) for v in row] + [Fraction(int(i == j)) for j in range(n)] for i, row in enumerate(matrix)]
    for i in range(n):
        pivot = next((r for r in range(i, n) if rows[r][i]), None)
        if pivot is None:
            raise ValueError("singular matrix")
        rows[i], rows[pivot] = rows[pivot], rows[i]
        rows[i] = [v / rows[i][i] for v in rows[i]]
        for r in range(n):
            if r != i:
                rows[r] = [v - rows[r][i] * w for v, w in zip(rows[r], rows[i])]
    return [row[n:] for row in rows]


def power(matrix, n):
    result = [[int(i == j) for j in range(len(matrix))] for i in range(len(matrix))]
    while n:
        if n & 1:
            result = multiply(result, matrix)
        matrix, n = multiply(matrix, matrix), n >> 1
    return result


def spiral(grid):
    grid = [list(row) for row in grid]
    while grid:
        yield from grid.pop(0)
        grid = [list(row) for row in zip(*grid)][::-1]


a = [[2, -1, 0], [1, 3, 5], [0, 4, 1]]
print(multiply(a, a), determinant(a))
print([[str(v) for v in row] for row in inverse(a)], multiply(a, inverse(a)) == [[1, 0, 0], [0, 1, 0], [0, 0, 1]])
print(power([[1, 1], [1, 0]], 100)[0][1], [list(row) for row in zip(*a)], [list(r) for r in zip(*a[::-1])])
print(list(spiral([[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]])))
try:
    inverse([[1, 2], [2, 4]])
except ValueError as error:
    print(error)
triangle = [[1]]
for _ in range(7):
    triangle.append([1, *(x + y for x, y in zip(triangle[-1], triangle[-1][1:])), 1])
for row in triangle:
    print(" ".join(f"{v:>2}" for v in row).center(26).rstrip())
