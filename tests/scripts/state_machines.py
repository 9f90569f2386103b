# State machines and events: traffic light, vending machine, order workflow, observers, undo and redo, command queues.
from collections import defaultdict, deque
from dataclasses import dataclass, field
from enum import Enum


class Light(Enum):
    RED = ("stop", 3)
    GREEN = ("go", 2)
    YELLOW = ("slow", 1)

    def next(self):
        members = list(Light)
        return members[(members.index(self) + 1) % len(members)]


class InvalidTransition(Exception):
    def __init__(self, state, event):
        super().__init__(f"cannot {event} while {state}")


class Order:
    TRANSITIONS = {
        ("new", "pay"): "paid", ("paid", "ship"): "shipped", ("shipped", "deliver"): "done",
        ("new", "cancel"): "cancelled", ("paid", "cancel"): "refunded",
    }

    def __init__(self):
        self.state, self.log, self.listeners = "new", [], defaultdict(list)

    def on(self, state, listener):
        self.listeners[state].append(listener)
        return self

    def fire(self, event):
        try:
            state = self.TRANSITIONS[self.state, event]
        except KeyError:
            raise InvalidTransition(self.state, event) from None
        self.log.append((self.state, event, state))
        self.state = state
        for listener in self.listeners[state]:
            listener(self)


@dataclass
class Vending:
    prices: dict
    stock: dict
    credit: int = 0
    sold: list = field(default_factory=list)

    def insert(self, coin):
        if coin not in (5, 10, 25):
            return f"rejected {coin}"
        self.credit += coin
        return f"credit {self.credit}"

    def select(self, name):
        if not self.stock.get(name):
            return "sold out"
        if self.credit < self.prices[name]:
            return f"insert {self.prices[name] - self.credit} more"
        self.stock[name] -= 1
        self.credit -= self.prices[name]
        self.sold.append(name)
        change, self.credit = self.credit, 0
        coins = []
        for coin in (25, 10, 5):
            count, change = divmod(change, coin)
            coins += [coin] * count
        return f"{name}, change {coins}"


class Editor:
    def __init__(self):
        self.text, self.done, self.undone = "", [], []

    def do(self, function):
        self.done.append(self.text)
        self.undone.clear()
        self.text = function(self.text)
        return self

    def undo(self):
        if self.done:
            self.undone.append(self.text)
            self.text = self.done.pop()
        return self

    def redo(self):
        if self.undone:
            self.done.append(self.text)
            self.text = self.undone.pop()
        return self


light, cycle = Light.RED, []
for _ in range(5):
    cycle.append(f"{light.name}:{light.value[0]}x{light.value[1]}")
    light = light.next()
print(cycle)
order = Order().on("paid", lambda o: print("receipt sent")).on("done", lambda o: print("thanks,", len(o.log), "steps"))
for event in ("pay", "ship", "cancel", "deliver"):
    try:
        order.fire(event)
    except InvalidTransition as error:
        print(error)
print(order.state, order.log[-1])
machine = Vending({"tea": 40, "nuts": 65}, {"tea": 1, "nuts": 2})
print([machine.insert(c) for c in (25, 3, 10)], machine.select("tea"), machine.insert(25), machine.select("tea"), machine.select("tea"), machine.sold)
editor = Editor().do(lambda t: t + "hello").do(str.upper).do(lambda t: t + "!").undo().undo()
print(editor.text, editor.redo().text, editor.do(lambda t: t[::-1]).text, editor.redo().text, editor.undo().undo().undo().undo().text == "")
jobs, results = deque([("add", 2, 3), ("div", 1, 0), ("mul", 4, 5), ("retry", "div", 8, 2)]), []
handlers = {"add": lambda a, b: a + b, "mul": lambda a, b: a * b, "div": lambda a, b: a / b}
while jobs:
    name, *arguments = jobs.popleft()
    if name == "retry":
        jobs.append(tuple(arguments))
        continue
    try:
        results.append((name, handlers[name](*arguments)))
    except ZeroDivisionError as error:
        results.append((name, type(error).__name__))
print(results)
