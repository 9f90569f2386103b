"""Build, format, split and join text."""


def main():
    lines = []
    for i in range(20000):
        line = f"{i:06d},{i / 3:.3f},{'x' * (i % 9)}," + "name-" + str(i)
        lines.append(line.upper().replace("X", "y").strip())
    text = "\n".join(lines)
    return sum(len(part) for line in text.splitlines() for part in line.split(","))
