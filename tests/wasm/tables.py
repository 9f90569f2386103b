"""Write a script as C: tables of commands that guest/play.c plays, and a thunk for each signature.

A thunk unpacks 64-bit arguments, calls a function of the module and packs the results, so that a
NaN's bits reach the module as they are. How wasm2c names things is read from the header it wrote.
"""

import re

TYPES = {"u32": "i", "u64": "j", "f32": "f", "f64": "d", "wasm_rt_funcref_t": "r",
         "wasm_rt_externref_t": "e"}
C_TYPES = {letter: name for name, letter in TYPES.items()}
EXPORT = re.compile(r"^/\* export: '.*' \*/\n(.+?) ?(w2c_\w*)\((.*)\);$", re.MULTILINE)
INSTANTIATE = re.compile(r"^void (wasm2c_\w+_instantiate)\(\w+\*(.*)\);$", re.MULTILINE)
IMPORTED = re.compile(r"struct w2c_(\w+)\*")
IMPORTS_MAX = 5  # as in guest/play.h


class Translated:
    """What wasm2c's header says of a module: {exported name: (symbol, result, parameters)}."""

    def __init__(self, instance, header):
        found = EXPORT.findall(header)
        exports = instance.module.exports()
        if len(found) != len(exports):
            raise ValueError(f"wasm2c's header has {len(found)} exports of {len(exports)}")
        self.exports = {name: (symbol, result, [word.strip() for word in words.split(",")[1:]])
                        for (name, _), (result, symbol, words) in zip(exports, found)}
        self.instantiate, sources = INSTANTIATE.search(header).groups()
        self.sources = IMPORTED.findall(sources)


def signature(result, parameters):
    """Letters of the parameters and of the results."""
    if result == "void":
        results = ""
    elif result.startswith("struct wasm_multi_"):
        results = result[len("struct wasm_multi_"):]
    else:
        results = TYPES[result]
    return "".join(TYPES[name] for name in parameters), results


def unpack(letter, index):
    word = f"arguments[{index}]"
    return {"i": f"(uint32_t){word}", "j": word, "f": f"play_f32({word})", "d": f"play_f64({word})",
            "r": f"play_funcref({word})", "e": f"play_externref({word})"}[letter]


def pack(letter, value):
    return {"f": f"play_bits32({value})", "d": f"play_bits64({value})",
            "r": f"{value}.func != NULL", "e": f"(uint64_t)(uintptr_t){value}"}.get(letter, value)


def call_thunk(parameters, results):
    name = f"call_{parameters}_{results}"
    types = "".join(f", {C_TYPES[letter]}" for letter in parameters)
    arguments = "".join(f", {unpack(letter, i)}" for i, letter in enumerate(parameters))
    result, lines = C_TYPES.get(results, "void"), []
    if len(results) > 1:
        fields = " ".join(f"{C_TYPES[letter]} v{i};" for i, letter in enumerate(results))
        lines = [f"struct results_{results} {{ {fields} }};"]
        result = f"struct results_{results}"
    call = f"(({result} (*)(void *{types}))function)(instance{arguments})"
    body = [f"    {call};"] if not results else [f"    {result} r = {call};"]
    body += [f"    results[{i}] = {pack(letter, 'r' if len(results) == 1 else f'r.v{i}')};"
             for i, letter in enumerate(results)]
    lines += [f"static void {name}(play_function function, void *instance,",
              "    const uint64_t *arguments, uint64_t *results)", "{", *body, "}"]
    return name, "\n".join(lines)


def get_thunk(letter):
    name = f"get_{letter}"
    body = f"    results[0] = {pack(letter, f'*(({C_TYPES[letter]} *(*)(void *))function)(instance)')};"
    return name, "\n".join([f"static void {name}(play_function function, void *instance,",
                            "    const uint64_t *arguments, uint64_t *results)", "{", body, "}"])


def argument(value):
    if value["type"] in ("externref", "funcref"):
        return 0 if value["value"] == "null" else int(value["value"]) + 1
    return int(value["value"])


def wanted(value):
    """(bits, pattern)"""
    text, kind = value.get("value"), value["type"]
    if isinstance(text, str) and text.startswith("nan:"):
        return 0, f"PLAY_{text[4:].upper()}_{kind.upper()}"
    if kind == "funcref":
        return int(text not in (None, "null")) if text is not None else 1, "PLAY_EXACT"
    return argument(value), "PLAY_EXACT"


class Writer:
    """One C file for the groups of one script."""

    def __init__(self, translated):
        self.translated = translated  # {instance: Translated}
        self.thunks, self.symbols, self.objects, self.words = {}, set(), set(), []
        self.wants, self.tables = [], []

    def place(self, table, rows):
        table.extend(rows)
        return len(table) - len(rows)

    def row(self, command):
        kind = {"module": "PLAY_MODULE", "assert_return": "PLAY_CALL",
                "action": "PLAY_CALL"}.get(command.kind, "PLAY_TRAP")
        if command.action is None:
            parts = self.instantiation(command.instance)
        else:
            parts = self.call(command)
        return f"    {{{kind}, {parts}}},"

    def instantiation(self, instance):
        made = self.translated[instance]
        self.symbols.add(made.instantiate)
        names = ["play_instance_" + source for source in made.sources]
        if len(names) > IMPORTS_MAX:
            raise ValueError(f"line {instance.line}: imports from {len(names)} modules")
        self.objects.update(names + [f"play_instance_m{instance.number}"])
        words = [f"(uint64_t)(uintptr_t)&{name}" for name in names]
        at = self.place(self.words, words + ["0"] * (IMPORTS_MAX - len(names)))
        return (f"0, {at}, 0, {made.instantiate}, &play_instance_m{instance.number}, "
                "play_instantiate")

    def call(self, command):
        symbol, result, parameters = self.translated[command.instance].exports[
            command.action["field"]]
        if command.action["type"] == "get":
            letters, results = "", TYPES[result.rstrip("*")]
            thunk = get_thunk(results)
        else:
            letters, results = signature(result, parameters)
            thunk = call_thunk(letters, results)
        arguments = [f"{argument(value)}ull" for value in command.action.get("args", [])]
        asserted = command.kind == "assert_return"
        wants = [f"{{{bits}ull, {pattern}}}"
                 for bits, pattern in map(wanted, command.expected)] if asserted else []
        if len(arguments) != len(letters) or asserted and len(wants) != len(results):
            raise ValueError(f"line {command.line}: does not fit the function's type")
        self.thunks[thunk[0]] = thunk[1]
        self.symbols.add(symbol)
        self.objects.add(f"play_instance_m{command.instance.number}")
        return (f"{len(wants)}, {self.place(self.words, arguments)}, "
                f"{self.place(self.wants, wants)}, {symbol}, "
                f"&play_instance_m{command.instance.number}, {thunk[0]}")

    def group(self, number, group):
        rows = [self.row(command) for command, _ in group.all_commands()]
        self.tables.append(f"static const struct play_command commands_{number}[] = {{\n"
                           + "\n".join(rows) + "\n};\n"
                           f"const struct play_group play_group_{number} = {{commands_{number}, "
                           f"{len(rows)}, words, wants}};\n")

    def text(self):
        parts = ['#include "play.h"\n']
        parts += [f"void {name}(void);" for name in sorted(self.symbols)]
        parts += [f"extern char {name};" for name in sorted(self.objects)]
        parts += [self.thunks[name] for name in sorted(self.thunks)]
        parts += [f"static const uint64_t words[] = {{{', '.join(self.words)}}};",
                  f"static const struct play_want wants[] = {{{', '.join(self.wants)}}};"]
        return "\n".join(parts + self.tables)


def index(count):
    """The table of all groups."""
    names = [f"play_group_{number}" for number in range(count)]
    return "\n".join(['#include "play.h"'] + [f"extern const struct play_group {name};" for name in names]
                     + [f"const struct play_group *const play_groups[] = {{{', '.join('&' + n for n in names)}}};",
                        f"const uint32_t play_group_count = {count};", ""])
