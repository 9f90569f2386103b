"""Parts of the suite, and how they are played side by side on the processors there are.

A machine has two slots for each processor. A part that mostly waits takes one, one that keeps a processor
busy two (PROCESSOR), one that takes every processor or must not be disturbed all of them (ALL).
The parts that are expected to take longest start first.
"""

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

SLOTS = 2 * (os.cpu_count() or 1)
PROCESSOR = 2
ALL = SLOTS


@dataclass(eq=False)
class Part:
    suite: str
    name: str
    play: Callable  # yields rows, see play.py
    inputs: dict | None = field(default_factory=dict)  # arguments of Inputs.manifest; None: always played
    slots: int = 1
    after: "Part | None" = None  # has to have passed before, such as a build; then this is not played else

    @property
    def title(self):
        return f"{self.suite}: {self.name}"


class Schedule:
    """Plays parts in threads; calls started(part) and ended(part, rows, seconds) with its lock held."""

    def __init__(self, parts, expected, started, ended):
        self.waiting = sorted(parts, key=lambda part: -expected(part))
        self.started, self.ended = started, ended
        self.changed = threading.Condition()
        self.free = SLOTS
        self.bad = set()  # parts that failed, or were not played because of one
        self.open = set(parts)

    def _next(self):
        for part in self.waiting:
            if part.after not in self.open and min(part.slots, SLOTS) <= self.free:
                return part
        return None

    def _play(self, part):
        start = time.monotonic()
        try:
            rows = list(part.play())
        except Exception as error:  # a fault of the runner's own must not pass for a pass
            rows = [(part.title, "failed", f"{type(error).__name__}: {error}")]
        if not rows:
            rows = [(part.title, "failed", "it has no tests")]
        with self.changed:
            self._end(part, rows, time.monotonic() - start)
            self.free += min(part.slots, SLOTS)
            self.changed.notify_all()

    def _end(self, part, rows, seconds):
        self.open.discard(part)
        if any(outcome == "failed" for _, outcome, _ in rows):
            self.bad.add(part)
        self.ended(part, rows, seconds)

    def run(self):
        with ThreadPoolExecutor(SLOTS) as threads, self.changed:
            while self.waiting:
                part = self._next()
                if part is None:
                    self.changed.wait()
                    continue
                self.waiting.remove(part)
                if part.after in self.bad:
                    self.bad.add(part)
                    self._end(part, [], 0)
                    continue
                self.free -= min(part.slots, SLOTS)
                self.started(part)
                threads.submit(self._play, part)
            while self.open:
                self.changed.wait()
