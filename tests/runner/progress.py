"""How long the parts of the suite took last on this machine, and so how long they are going to take."""

import json
import os
import sys
import tempfile
import threading
import time
from pathlib import Path

from .schedule import SLOTS

# Seconds of suites, and of some long parts, on two processors: for a first run.
TYPICAL = Path(__file__).with_name("typical.json")
EVERY = 30  # seconds between two lines where the output is no terminal


def minutes(seconds):
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min"


class Durations:
    """Seconds of each part, kept in a file between runs."""

    def __init__(self, path):
        self.path = path
        self.typical = json.loads(TYPICAL.read_text())
        self.new, self.many = {}, {}
        try:
            self.known = {name: float(value) for name, value in json.loads(path.read_text()).items()}
        except (OSError, ValueError, AttributeError, TypeError):
            self.known = {}

    def of(self, parts):
        """The parts of a suite that were never played share what is typical of it."""
        for part in parts:
            self.many[part.suite] = self.many.get(part.suite, 0) + 1

    def expected(self, part):
        if part.title in self.known:
            return self.known[part.title]
        if part.title in self.typical:
            return self.typical[part.title]
        return self.typical.get(part.suite, 60) / self.many.get(part.suite, 1)

    def measured(self, parts):
        return all(part.title in self.known for part in parts)

    def add(self, part, seconds):
        """Of this run; what is expected stays as it was."""
        self.new[part.title] = round(seconds, 1)

    def save(self):
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=self.path.parent, delete=False) as file:
            json.dump(self.known | self.new, file)
        os.replace(file.name, self.path)


class Progress:
    """Says now and then how far it is. On a terminal one line that is written over."""

    def __init__(self, parts, durations):
        self.parts, self.durations = list(parts), durations
        self.running, self.done = {}, set()
        self.took = self.hoped = 0.0  # seconds of the parts that have ended, as they were and as expected
        self.start = time.monotonic()
        self.lock = threading.RLock()
        self.stop = threading.Event()
        self.terminal = sys.stdout.isatty()
        self.thread = threading.Thread(target=self._tell, daemon=True)

    def _span(self, seconds):
        """Of (seconds, slots): all slots busy, or the longest alone."""
        return max([sum(time * min(slots, SLOTS) for time, slots in seconds) / SLOTS,
                    *(time for time, _ in seconds), 0])

    def whole(self):
        return self._span([(self.durations.expected(part), part.slots) for part in self.parts])

    def left(self):
        now = time.monotonic()
        rest = [(self.durations.expected(part), part.slots) for part in self.parts
                if part not in self.done and part not in self.running]
        rest += [(max(self.durations.expected(part) - (now - since), 1), part.slots)
                 for part, since in self.running.items()]
        return self._span(rest) * self.pace()

    def pace(self):
        """How much longer than expected it takes: another machine, or one that is busy."""
        return min(max((self.took + 30) / (self.hoped + 30), 0.2), 10)

    def line(self):
        passed, left = time.monotonic() - self.start, self.left()
        names = sorted(self.running, key=self.running.get)
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        return (f"{100 * passed / max(passed + left, 1):.0f} %, {len(self.done)} of {len(self.parts)} parts, "
                f"about {minutes(left)} left: {', '.join(part.title for part in names[:3])}{more}")

    def show(self, text=""):
        """Print text, above the line that tells how far it is."""
        with self.lock:
            if self.terminal:
                print("\r\033[K", end="")
            if text:
                print(text)
            if self.terminal and self.running:
                print(self.line()[:os.get_terminal_size().columns - 1], end="")
            sys.stdout.flush()

    def started(self, part):
        with self.lock:
            self.running[part] = time.monotonic()

    def ended(self, part, seconds):
        with self.lock:
            self.running.pop(part, None)
            self.done.add(part)
            if seconds:
                self.took += seconds
                self.hoped += self.durations.expected(part)
                self.durations.add(part, seconds)

    def _tell(self):
        while not self.stop.wait(1 if self.terminal else EVERY):
            with self.lock:
                if self.terminal:
                    self.show()
                elif self.running:
                    print(f"   ... {self.line()}", flush=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *unused):
        self.stop.set()
        self.thread.join()
        self.running.clear()
        self.show()
        self.durations.save()
