# random with a seed: the Mersenne Twister gives the same numbers everywhere; sampling, shuffling, Monte Carlo.
import random

random.seed(42)
print([random.random() for _ in range(3)], random.randint(1, 6), random.choice("abcdef"), random.uniform(1, 10))
deck = list(range(10))
random.shuffle(deck)
print(deck, random.sample(range(1000), 5), random.choices(["red", "green"], weights=[9, 1], k=8))
print(round(random.gauss(0, 1), 12), round(random.normalvariate(10, 2), 12), round(random.expovariate(1.5), 12), round(random.betavariate(2, 3), 12))
print(round(random.triangular(1, 5, 2), 12), round(random.lognormvariate(0, 0.25), 12), round(random.vonmisesvariate(0, 4), 12), round(random.paretovariate(3), 12))
print(random.getrandbits(70), random.randbytes(6).hex(), random.randrange(10, 100, 7), random.binomialvariate(20, 0.3))
state = random.getstate()
first = [random.random() for _ in range(4)]
random.setstate(state)
print(first == [random.random() for _ in range(4)])
own = random.Random("text seed")
print(own.random(), own.randint(0, 10**30), random.Random(2**100).random(), random.Random(b"bytes").random())
print(own.sample(["a", "b"], counts=[3, 2], k=3), own.choices(range(5), cum_weights=[1, 1, 1, 5, 6], k=5))
random.seed(1)
inside = sum(random.random() ** 2 + random.random() ** 2 < 1 for _ in range(20000))
print("pi is about", 4 * inside / 20000)
walk = [0]
for _ in range(1000):
    walk.append(walk[-1] + random.choice((-1, 1)))
print(walk[-1], max(walk), min(walk))
dice = [sum(random.choices(range(1, 7), k=2)) for _ in range(3000)]
print({n: dice.count(n) for n in range(2, 13)})
for bad in (lambda: random.choice([]), lambda: random.randint(5, 1), lambda: random.sample([1], 2), lambda: random.seed([1])):
    try:
        bad()
    except Exception as error:
        print(type(error).__name__, str(error)[:60])


class Loaded(random.Random):
    def random(self):
        return 0.75


print(Loaded().uniform(0, 100), Loaded().choice("abcd"), isinstance(random.SystemRandom().random(), float))
