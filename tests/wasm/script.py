"""The commands of one test script, as wast2json gives them, cut into groups.

A group is a module and the commands up to the next one; a module that must not come to life is a
group of its own. One run of the guest plays one group: all of its memory is fresh, and there is one
linear memory in it. A command may speak of a module of an earlier group, and a module may import
from one; then the earlier group is played first.
"""

import json

from module import Module

OURS = ("assert_return", "assert_trap", "assert_exhaustion", "assert_uninstantiable")
TRAPS = OURS[1:]
NOT_OURS = ("assert_invalid", "assert_malformed", "assert_unlinkable")  # wabt's and a linker's


class Instance:
    """A module of the script, and where its imports come from."""

    def __init__(self, path, line, registered):
        self.path, self.line = path, line
        self.module = Module(path.read_bytes())
        self.number = None  # given by whoever translates it
        self.sources, self.missing = {}, set()
        for name, *_ in self.module.imports():
            if name != "spectest" and name not in registered:
                self.missing.add(name)
            self.sources[name] = registered.get(name)

    def imported(self):
        return {source for source in self.sources.values() if source}

    def memories(self):
        return self.module.memories()

    def uses_shared_memory(self):
        return any(name == "spectest" and kind == "memory"
                   for name, _, kind, _ in self.module.imports())


class Command:
    def __init__(self, kind, line, instance, action=None, expected=(), text=""):
        self.kind, self.line, self.instance = kind, line, instance
        self.action, self.expected, self.text = action, list(expected), text


class Group:
    def __init__(self, line, first):
        self.line, self.commands = line, [first]
        self.before = []  # groups that are played first

    def instances(self):
        mine = {command.instance for command in self.commands}
        return mine | {source for instance in mine for source in instance.imported()}

    def all_commands(self):
        """[(command, is it of this group)]: what a run plays."""
        earlier = [(command, False) for group in self.before for command in group.commands]
        return earlier + [(command, True) for command in self.commands]

    def assertions(self):
        return sum(command.kind in OURS for command in self.commands)

    def obstacle(self):
        """Why this group cannot be played, or None."""
        instances = {command.instance for command, _ in self.all_commands()}
        missing = {name for instance in instances for name in instance.missing}
        if missing:
            return f"imports from {', '.join(sorted(missing))}, which is not there"
        memories = sum(instance.memories() for instance in instances)
        memories += any(instance.uses_shared_memory() for instance in instances)
        return f"needs {memories} memories at once" if memories > 1 else None


class Script:
    def __init__(self, folder, stem):
        self.stem, self.groups, self.instances = stem, [], []
        self.not_ours, self.names, self.registered, self.current = 0, {}, {}, None
        self.group = None  # of the current module
        for command in json.loads((folder / "script.json").read_text())["commands"]:
            self.take(folder, command)
        for index, group in enumerate(self.groups):
            group.before = self.needed(index)

    def take(self, folder, command):
        kind, line = command["type"], command["line"]
        if kind in NOT_OURS:
            self.not_ours += 1
        elif kind == "register":
            self.registered[command["as"]] = self.find(command.get("name"))
        elif kind in ("module", "assert_uninstantiable"):
            instance = Instance(folder / command["filename"], line, self.registered)
            self.instances.append(instance)
            made = Command(kind, line, instance, text=command.get("text", ""))
            self.groups.append(Group(line, made))
            if kind == "module":
                self.current = self.names[command.get("name")] = instance
                self.group = self.groups[-1]
        else:
            action = command["action"]
            self.group.commands.append(
                Command(kind, line, self.find(action.get("module")), action,
                        command["expected"], command.get("text", "")))

    def find(self, name):
        return self.names[name] if name else self.current

    def needed(self, index):
        """The earlier groups that touch a module of this one, or of one that is needed."""
        wanted, chosen, grown = self.groups[index].instances(), set(), True
        while grown:
            grown = False
            for earlier in range(index):
                if earlier not in chosen and wanted & self.groups[earlier].instances():
                    chosen.add(earlier)
                    wanted |= self.groups[earlier].instances()
                    grown = True
        return [self.groups[number] for number in sorted(chosen)]
