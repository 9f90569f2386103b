"""Small programs that a model writes: parsers, interpreters, searches, games, asyncio, sqlite3."""

import argparse
import ast
import asyncio
import configparser
import heapq
import io
import operator
import random
import re
import shlex
import sqlite3
import time
import tokenize
import xml.etree.ElementTree as ElementTree

TOKEN = re.compile(r"\s*(?:(\d+\.?\d*)|(\w+)|(.))")
BINARY = {"+": (1, operator.add), "-": (1, operator.sub), "*": (2, operator.mul),
          "/": (2, operator.truediv), "^": (3, operator.pow)}


class Calculator:
    """Precedence climbing."""

    def __init__(self, text, names):
        self.tokens = [m.groups() for m in TOKEN.finditer(text) if m.group().strip()]
        self.at, self.names = 0, names

    def peek(self):
        return self.tokens[self.at] if self.at < len(self.tokens) else (None, None, None)

    def atom(self):
        number, name, sign = self.peek()
        self.at += 1
        if number is not None:
            return float(number) if "." in number else int(number)
        if name is not None:
            return self.names[name]
        if sign == "-":
            return -self.atom()
        if sign == "(":
            value = self.expression(1)
            self.at += 1
            return value
        raise SyntaxError(f"unexpected {sign!r}")

    def expression(self, lowest):
        left = self.atom()
        while (sign := self.peek()[2]) in BINARY and BINARY[sign][0] >= lowest:
            level, apply = BINARY[sign]
            self.at += 1
            left = apply(left, self.expression(level + 1))
        return left


def machine(program, limit=20000):
    """A stack machine."""
    stack, memory, at, steps = [], {}, 0, 0
    while at < len(program) and steps < limit:
        code, *rest = program[at]
        at += 1
        steps += 1
        if code == "push":
            stack.append(rest[0])
        elif code == "load":
            stack.append(memory.get(rest[0], 0))
        elif code == "store":
            memory[rest[0]] = stack.pop()
        elif code == "add":
            b, a = stack.pop(), stack.pop()
            stack.append(a + b)
        elif code == "less":
            b, a = stack.pop(), stack.pop()
            stack.append(a < b)
        elif code == "jump_if":
            if stack.pop():
                at = rest[0]
    return memory, steps


LOOP = [("push", 0), ("store", "i"), ("load", "i"), ("push", 1), ("add",), ("store", "i"),
        ("load", "sum"), ("load", "i"), ("add",), ("store", "sum"), ("load", "i"), ("push", 700),
        ("less",), ("jump_if", 2)]


def queens(size):
    found = 0

    def place(row, columns, left, right):
        nonlocal found
        if row == size:
            found += 1
            return
        for column in range(size):
            if column in columns or row + column in left or row - column in right:
                continue
            place(row + 1, columns | {column}, left | {row + column}, right | {row - column})

    place(0, frozenset(), frozenset(), frozenset())
    return found


def life(rounds):
    rng = random.Random(5)
    alive = {(rng.randrange(40), rng.randrange(40)) for _ in range(300)}
    for _ in range(rounds):
        counts = {}
        for x, y in alive:
            for dx in (-1, 0, 1):
                for dy in (-1, 0, 1):
                    if dx or dy:
                        cell = ((x + dx) % 40, (y + dy) % 40)
                        counts[cell] = counts.get(cell, 0) + 1
        alive = {c for c, n in counts.items() if n == 3 or n == 2 and c in alive}
    rows = ["".join("#" if (x, y) in alive else "." for x in range(40)) for y in range(40)]
    return len(alive), "\n".join(rows).count("##")


PUZZLE = ("53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79")


def sudoku(grid):
    if "." not in grid:
        return grid
    at = grid.index(".")
    row, column = divmod(at, 9)
    corner = row // 3 * 27 + column // 3 * 3
    used = set(grid[row * 9:row * 9 + 9]) | set(grid[column::9])
    for k in range(3):
        used |= set(grid[corner + 9 * k:corner + 9 * k + 3])
    for digit in "123456789":
        if digit not in used:
            answer = sudoku(grid[:at] + digit + grid[at + 1:])
            if answer:
                return answer
    return None


def database(rows):
    db = sqlite3.connect(":memory:")
    db.row_factory = sqlite3.Row
    db.executescript("create table item (id integer primary key, name text, price real, kind text);"
                     "create index by_kind on item (kind);")
    db.executemany("insert into item (name, price, kind) values (?, ?, ?)",
                   ((f"item {n}", n * 1.5 % 97, "abcd"[n % 4]) for n in range(rows)))
    db.commit()
    groups = db.execute("select kind, count(*) n, avg(price) mean from item group by kind "
                        "having n > 1 order by mean desc").fetchall()
    like = db.execute("select count(*) from item where name like '%9%' and price > ?", (20,))
    one = db.execute("select * from item where id = ?", (7,)).fetchone()
    db.execute("update item set price = price * 2 where kind = 'a'")
    return [tuple(g) for g in groups][:1], like.fetchone()[0], one["name"]


def documents(count):
    root = ElementTree.Element("catalog")
    for n in range(count):
        book = ElementTree.SubElement(root, "book", id=str(n))
        ElementTree.SubElement(book, "title").text = f"Title <{n}> & more"
        ElementTree.SubElement(book, "price").text = str(n * 1.1)
    again = ElementTree.fromstring(ElementTree.tostring(root))
    total = sum(float(b.findtext("price")) for b in again.iter("book") if int(b.get("id")) % 2)
    config = configparser.ConfigParser()
    config.read_string("[a]\nx = 1\ny = %(x)s2\n[b]\nlist = 1, 2,\n  3\n")
    return round(total, 2), config.getint("a", "y"), config["b"]["list"].split()


def read_source(times):
    source = "\n".join(f"def f{n}(a, b={n}, *c, **d):\n    return [x for x in c if x > a] or {{a: b}}\n"
                       for n in range(12))
    names = 0
    for _ in range(times):
        tree = ast.parse(source)
        names += sum(isinstance(node, ast.Name) for node in ast.walk(tree))
        code = compile(tree, "made.py", "exec")
        space = {}
        exec(code, space)
        assert space["f3"](0, 1, 2) == [2]
    tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    return names, len(tokens), len(ast.unparse(tree))


class _Clock:
    """A selector for an event loop that has nothing to wait for but time."""

    def select(self, timeout=None):
        if timeout:
            time.sleep(timeout)
        return []

    def close(self):
        pass


class Loop(asyncio.BaseEventLoop):
    def __init__(self):
        super().__init__()
        self._selector = _Clock()

    def _process_events(self, events):
        pass

    def _write_to_self(self):
        pass


async def fetch(n, gate, results):
    async with gate:
        await asyncio.sleep(n % 3 / 1000)
        results[n] = n * n
        return n


async def produce(queue, count):
    for n in range(count):
        await queue.put(n)
    await queue.put(None)


async def consume(queue):
    total = 0
    while (item := await queue.get()) is not None:
        total += item
    return total


async def ticks(count):
    for n in range(count):
        yield n
        await asyncio.sleep(0)


async def work():
    gate, results, queue = asyncio.Semaphore(10), {}, asyncio.Queue(5)
    done = await asyncio.gather(*(fetch(n, gate, results) for n in range(200)))
    async with asyncio.TaskGroup() as group:
        group.create_task(produce(queue, 300))
        total = group.create_task(consume(queue))
    seen = [n async for n in ticks(100)]
    try:
        await asyncio.wait_for(asyncio.sleep(10), 0.01)
    except TimeoutError:
        seen.append(-1)
    return len(done), len(results), total.result(), len(seen)


def run(coroutine):
    loop = Loop()
    try:
        return loop.run_until_complete(coroutine)
    finally:
        loop.close()


def simulate(customers):
    rng = random.Random(2)
    events = [(rng.expovariate(1), n, "arrive") for n in range(customers)]
    heapq.heapify(events)
    free, waiting, served, waited = 2, [], 0, 0.0
    while events:
        now, who, what = heapq.heappop(events)
        if what == "arrive":
            waiting.append((now, who))
        else:
            free += 1
            served += 1
        while free and waiting:
            since, who = waiting.pop(0)
            waited += now - since
            free -= 1
            heapq.heappush(events, (now + rng.uniform(0.5, 1.5), who, "leave"))
    return served, round(waited, 3)


for _ in range(3):
    names = {"x": 3, "half": 0.5}
    text = "2 * (x + 4) ^ 2 / half - -7 * (1.5 + x) + 10 - 3 - 2"
    print(sum(Calculator(text, names).expression(1) for _ in range(500)), machine(LOOP)[1])
    print(queens(6), life(14), sudoku(PUZZLE)[:9], simulate(800))
    print(database(1500), documents(300), read_source(12), run(work()))
    parser = argparse.ArgumentParser(prog="tool", exit_on_error=False)
    parser.add_argument("file")
    parser.add_argument("-n", "--number", type=int, default=1)
    print(parser.parse_args(shlex.split("'a file.txt' -n 5")), len(parser.format_help()))
