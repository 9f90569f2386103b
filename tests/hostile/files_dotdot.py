"""Climb out of the root with every spelling of the parent."""
# expect: kind=ok stdout=held
import os

leaks = []
targets = ["etc/passwd", "proc/self/maps", "dev/kvm", "secret.txt"]
prefixes = [
    "../" * 200,
    "/" + "../" * 200,
    "/tmp/../../../",
    "//../",
    "/./.././../",
    "/tmp/" + "./" * 500 + "../../",
    "..//..//",
    "/tmp/x/../../../",
    "..\\..\\",
    "/%2e%2e/",
    "/\u2025/",
    "/tmp\0/../",
]
for prefix in prefixes:
    for target in targets:
        for name in (
            prefix + target,
            (prefix + target).encode(),
            prefix + target + "/",
            prefix + target + "/.",
        ):
            try:
                with open(name, "rb") as file:
                    leaks.append((name, file.read(10)))
            except (OSError, ValueError):
                pass
for step in range(300):
    os.chdir("..")
names = sorted(os.listdir("."))
if not set(names) <= {"dev", "tmp", "input", "output"}:
    leaks.append(names)
try:
    os.chdir("/tmp/../..")
    leaks += [] if sorted(os.listdir(".")) == names else ["another root"]
    os.chroot("..")
    leaks.append("chroot")
except (OSError, AttributeError):
    pass
print(leaks or "held")
