# Numerical methods: Newton, bisection, Simpson, Runge-Kutta, interpolation, least squares, FFT, roots of unity.
import cmath
import math


def newton(f, derivative, x, tolerance=1e-12):
    for step in range(100):
        move = f(x) / derivative(x)
        x -= move
        if abs(move) < tolerance:
            return x, step + 1
    raise ArithmeticError("no convergence")


def bisect(f, low, high):
    while high - low > 1e-10:
        middle = (low + high) / 2
        low, high = (low, middle) if f(low) * f(middle) <= 0 else (middle, high)
    return (low + high) / 2


def simpson(f, a, b, n=200):
    h = (b - a) / n
    return h / 3 * math.fsum((1 if i in (0, n) else 4 if i % 2 else 2) * f(a + i * h) for i in range(n + 1))


def runge_kutta(f, y, t, end, steps):
    h = (end - t) / steps
    for _ in range(steps):
        k1 = f(t, y)
        k2 = f(t + h / 2, y + h / 2 * k1)
        k3 = f(t + h / 2, y + h / 2 * k2)
        k4 = f(t + h, y + h * k3)
        y, t = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4), t + h
    return y


def lagrange(points, x):
    return sum(y * math.prod((x - other) / (own - other) for other, _ in points if other != own) for own, y in points)


def fft(values):
    n = len(values)
    if n == 1:
        return values
    even, odd = fft(values[::2]), fft(values[1::2])
    turned = [cmath.exp(-2j * cmath.pi * k / n) * odd[k] for k in range(n // 2)]
    return [e + o for e, o in zip(even, turned)] + [e - o for e, o in zip(even, turned)]


def solve(matrix, right):
    rows = [list(map(float, row)) + [float(value)] for row, value in zip(matrix, right)]
    n = len(rows)
    for i in range(n):
        pivot = max(range(i, n), key=lambda r: abs(rows[r][i]))
        rows[i], rows[pivot] = rows[pivot], rows[i]
        for r in range(i + 1, n):
            factor = rows[r][i] / rows[i][i]
            rows[r] = [x - factor * y for x, y in zip(rows[r], rows[i])]
    answer = [0.0] * n
    for i in reversed(range(n)):
        answer[i] = (rows[i][n] - sum(rows[i][k] * answer[k] for k in range(i + 1, n))) / rows[i][i]
    return answer


root, steps = newton(lambda x: x * x - 2, lambda x: 2 * x, 1.0)
print(f"{root:.12f} {steps} {bisect(lambda x: x**3 - x - 2, 1, 2):.9f} {bisect(lambda x: math.cos(x) - x, 0, 1):.9f}")
print(f"{simpson(math.sin, 0, math.pi):.9f} {simpson(lambda x: math.exp(-x * x), -5, 5):.9f} {math.sqrt(math.pi):.9f}")
print(f"{runge_kutta(lambda t, y: y, 1.0, 0.0, 1.0, 100):.8f} {runge_kutta(lambda t, y: -2 * t * y, 1.0, 0.0, 1.5, 100):.8f}")
print([round(lagrange([(0, 1), (1, 3), (2, 2), (4, 5)], x), 6) for x in (0, 0.5, 3, 4)])
spectrum = fft([complex(v) for v in (1, 2, 3, 4, 3, 2, 1, 0)])
print([f"{abs(v):.6f}" for v in spectrum], [f"{abs(cmath.exp(2j * cmath.pi * k / 5) ** 5 - 1):.6f}" for k in range(5)])
print([round(v, 9) for v in solve([[2, 1, -1], [-3, -1, 2], [-2, 1, 2]], [8, -11, -3])])
xs, ys = [1, 2, 3, 4, 5], [2.2, 4.1, 6.2, 7.9, 10.1]
n, sx, sy, sxy, sxx = len(xs), sum(xs), sum(ys), sum(x * y for x, y in zip(xs, ys)), sum(x * x for x in xs)
slope = (n * sxy - sx * sy) / (n * sxx - sx * sx)
print(f"{slope:.6f} {(sy - slope * sx) / n:.6f}", cmath.sqrt(-4), cmath.polar(1j)[0], f"{cmath.phase(-1):.6f}")
try:
    newton(lambda x: x * x + 1, lambda x: 2 * x, 0.5)
except ArithmeticError as error:
    print(error)
print([f"{sum(1 / math.factorial(k) for k in range(n)):.10f}" for n in (5, 10, 15)], f"{math.e:.10f}", f"{4 * sum((-1) ** k / (2 * k + 1) for k in range(2000)):.6f}")
