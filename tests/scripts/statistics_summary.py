# statistics, fractions, math: summaries, regression, distributions, exact rationals.
import math
import statistics as st
from fractions import Fraction

data = [2.75, 1.75, 1.25, 0.25, 0.5, 1.25, 3.5]
print(st.mean(data), st.median(data), st.mode(data), st.pstdev(data), st.variance(data))
print(st.median_low([1, 3, 5, 7]), st.median_high([1, 3, 5, 7]), st.median_grouped([52, 52, 53, 54]))
print(st.quantiles(range(1, 12), n=4), st.quantiles([1, 2, 3], n=3, method="inclusive"))
print(st.geometric_mean([54, 24, 36]), st.harmonic_mean([40, 60]), st.fmean([1, 2, 3], [3, 1, 1]))
print(st.multimode("aabbbcc"), st.mean([Fraction(1, 3), Fraction(1, 6)]), st.correlation([1, 2, 3], [1, 2, 4]))
slope, intercept = st.linear_regression([1, 2, 3, 4], [2.1, 3.9, 6.2, 7.8])
print(round(slope, 10), round(intercept, 10), st.covariance([1, 2, 3], [6, 5, 1]))
normal = st.NormalDist(100, 15)
print(round(normal.cdf(130), 12), round(normal.inv_cdf(0.975), 9), normal.zscore(85), normal + 5)
print(round(st.NormalDist.from_samples(data).stdev, 12))
print(Fraction(3, 4) + Fraction("0.125"), Fraction(0.1).limit_denominator(100), Fraction(-7, 3) // 1)
print(math.comb(50, 6), math.perm(10, 3), math.gcd(84, 36, 120), math.lcm(4, 6, 10), math.isqrt(10**20 + 1))
print(math.hypot(3, 4, 12), math.dist((1, 2), (4, 6)), math.prod([1, 2, 3, 4]), math.fsum([0.1] * 10))
print(math.floor(-2.5), math.ceil(-2.5), math.trunc(-2.5), round(2.5), round(3.5), round(-2.567, 2))
print(math.isclose(0.1 + 0.2, 0.3), math.nextafter(1, 2) - 1, math.ulp(1.0), math.copysign(3, -0.0))
print(math.log2(1024), math.log(8, 2), math.log1p(1e-10), math.expm1(1e-10))
print([round(f(0.5), 12) for f in (math.sin, math.cos, math.tan, math.asin, math.atan, math.sinh, math.erf)])
print(math.gamma(6), math.frexp(10), math.ldexp(0.625, 4), math.modf(3.25), math.fmod(-7, 3), -7 % 3)
print(math.inf > 10**400, math.isnan(math.nan), math.factorial(30), math.degrees(math.pi), math.sumprod([1, 2], [3, 4]))
for bad in (lambda: math.sqrt(-1), lambda: math.log(0), lambda: st.mean([]), lambda: math.exp(1000)):
    try:
        bad()
    except (ValueError, OverflowError, st.StatisticsError) as error:
        print(type(error).__name__, error)
