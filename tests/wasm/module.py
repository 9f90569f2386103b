"""Just enough of the binary format to see what a module imports and exports, and to rename the
modules that it imports from. Sections: WebAssembly core specification 2.0, section 5.5."""

HEADER = b"\0asm\1\0\0\0"
TYPE, IMPORT, MEMORY, EXPORT = 1, 2, 5, 7
KINDS = ("func", "table", "memory", "global")


class Reader:
    def __init__(self, data, at=0):
        self.data, self.at = data, at

    def leb(self):
        value = shift = 0
        while True:
            byte = self.data[self.at]
            self.at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def name(self):
        size = self.leb()
        self.at += size
        return self.data[self.at - size:self.at]

    def limits(self):
        if self.leb() & 1:
            self.leb()
        self.leb()

    def description(self):
        """Skip an import's description; its kind."""
        kind = KINDS[self.leb()]
        if kind == "func":
            self.leb()
        elif kind == "global":
            self.at += 2
        else:
            if kind == "table":
                self.at += 1
            self.limits()
        return kind


def leb(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def vector(parts):
    return leb(len(parts)) + b"".join(parts)


class Module:
    def __init__(self, data):
        if data[:8] != HEADER:
            raise ValueError("not a WebAssembly module of version 1")
        self.sections, reader = [], Reader(data, 8)
        while reader.at < len(data):
            kind = data[reader.at]
            reader.at += 1
            self.sections.append((kind, reader.name()))

    def section(self, wanted):
        return Reader(next((body for kind, body in self.sections if kind == wanted), b"\0"))

    def imports(self):
        """[(module, name, kind, the bytes of the description)]"""
        reader, found = self.section(IMPORT), []
        for _ in range(reader.leb()):
            module, name, start = reader.name(), reader.name(), reader.at
            kind = reader.description()
            found.append((module.decode(), name, kind, reader.data[start:reader.at]))
        return found

    def exports(self):
        """[(name, kind)], in the module's order, which is that of wasm2c's header."""
        reader, found = self.section(EXPORT), []
        for _ in range(reader.leb()):
            name, kind = reader.name().decode("utf-8"), KINDS[reader.leb()]
            reader.leb()
            found.append((name, kind))
        return found

    def memories(self):
        """How many memories it has of its own."""
        return self.section(MEMORY).leb()

    def renamed(self, names):
        """The module's bytes, with the modules that it imports from named anew."""
        body = vector([vector_name(names.get(module, module).encode()) + vector_name(name) + what
                       for module, name, _, what in self.imports()])
        parts = [HEADER]
        for kind, old in self.sections:
            new = body if kind == IMPORT else old
            parts.append(bytes([kind]) + leb(len(new)) + new)
        return b"".join(parts)


def vector_name(name):
    return leb(len(name)) + name
