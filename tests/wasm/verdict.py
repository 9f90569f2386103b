"""Is the end of a run the trap that a script expects? And what expected.txt knows of the rest."""

OUT_OF_BOUNDS, STACK, INDIRECT = "OutOfBounds", "StackOverflow", "IndirectCallMismatch"

# The scripts' words (several editions of them) and the sandbox's (src/sandbox/run/fault.c).
TRAPS = {
    "": OUT_OF_BOUNDS,  # bulk-memory.wast
    "out of bounds memory access": OUT_OF_BOUNDS,
    "out of bounds table access": OUT_OF_BOUNDS,
    "out of bounds": OUT_OF_BOUNDS,
    "integer divide by zero": "IntegerDivideByZero",
    "integer overflow": "IntegerOverflow",
    "invalid conversion to integer": "InvalidConversion",
    "unreachable": "Unreachable",
    "call stack exhausted": STACK,
    "indirect call": INDIRECT,
    "indirect call type mismatch": INDIRECT,
    "callIndirect: function signatures don't match": INDIRECT,
    "undefined": INDIRECT,
    "undefined element": INDIRECT,
    "uninitialized": INDIRECT,
    "uninitialized element": INDIRECT,
    "uninitialized table element": INDIRECT,
}
# Around 4 GiB the sandbox takes a page fault for the overflow of the stack that a C program keeps at
# the bottom of linear memory. Wasm knows no such stack: there it is out of bounds.
SHADOW_STACK = range((4 << 30) - (1 << 20), (4 << 30) + (1 << 20))


def of_trap(kind, text, end):
    """(outcome, detail)"""
    how, _, rest = end.partition(" ")
    type_name, _, address = rest.partition(" ")
    wanted = TRAPS.get(text)
    if type_name == STACK and wanted == OUT_OF_BOUNDS and how == "fault":
        if int(address, 0) in SHADOW_STACK:
            type_name = OUT_OF_BOUNDS
    if how in ("trap", "fault") and wanted is not None and type_name == wanted:
        return "passed", ""
    return "failed", f"wanted {text!r}, the run ended: {end}"


class Expected:
    """expected.txt: reasons after "## ", below each the places (file:line) it is true of. Where it
    ends in "(not run)" they are lines of modules, whose assertions are skipped; else of assertions,
    which fail."""

    def __init__(self, path):
        self.failing, self.skipped, self.met, reason = set(), set(), set(), ""
        for line in path.read_text().splitlines():
            if line.startswith("## "):
                reason = line
            elif line.strip() and not line.startswith("#"):
                (self.skipped if reason.endswith("(not run)") else self.failing).add(line.strip())

    def fails(self, place):
        if place in self.failing:
            self.met.add(place)
        return place in self.failing

    def left_out(self, place):
        if place in self.skipped:
            self.met.add(place)
        return place in self.skipped

    def not_met(self):
        return sorted((self.failing | self.skipped) - self.met)
