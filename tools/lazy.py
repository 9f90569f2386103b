#!/usr/bin/env python3
"""Write the stubs for libraries that are loaded when they are first used (src/base/lazy.h).

  lazy.py OUT.S ARCHIVES... -- LIBRARIES...

Of each shared library (its name as after the linker's -l) the functions that the archives call and
none of them defines. $CC says where the libraries are. x86-64.
"""

import os
import subprocess
import sys

STUB = """
    .globl {name}
    .hidden {name}
    .type {name}, @function
{name}:
    endbr64
    jmp *(clo_lazy_slots + 8 * {number})(%rip)
    .size {name}, . - {name}
first_{number}:
    endbr64
    push ${number}
    jmp resolve
"""

# All that may hold an argument is kept: rax has the number of vector registers of a variadic call.
RESOLVE = """
    .type resolve, @function
resolve:
    push %rax
    push %rdi
    push %rsi
    push %rdx
    push %rcx
    push %r8
    push %r9
    sub $136, %rsp
    {save}
    mov 192(%rsp), %rdi
    call clo_lazy_resolve
    mov %rax, %r11
    {restore}
    add $136, %rsp
    pop %r9
    pop %r8
    pop %rcx
    pop %rdx
    pop %rsi
    pop %rdi
    pop %rax
    add $8, %rsp
    jmp *%r11
    .size resolve, . - resolve
"""


def output(*words):
    return subprocess.run(words, stdout=subprocess.PIPE, check=True, text=True).stdout.strip()


def symbols(path, *options):
    for line in output("nm", "-P", *options, path).splitlines():
        words = line.split()
        if len(words) > 1 and len(words[1]) == 1:
            yield words[0].partition("@")[0], words[1]


def soname(path):
    found = [line for line in output("readelf", "-d", path).splitlines() if "(SONAME)" in line]
    if not found:
        sys.exit(f"lazy.py: {path} is not a shared library with a name")
    return found[0].partition("[")[2].rstrip("]")


def called(archives):
    defined, wanted = set(), set()
    for path in archives:
        for name, kind in symbols(path):
            (wanted if kind == "U" else defined).add(name)
    return wanted - defined


def main():
    out, *words = sys.argv[1:]
    archives, libraries = words[:words.index("--")], words[words.index("--") + 1:]
    wanted, functions, names = called(archives), [], []
    for number, library in enumerate(libraries):
        path = output(*os.environ.get("CC", "cc").split(), f"-print-file-name=lib{library}.so")
        names.append(soname(path))
        of_it = sorted({name for name, kind in symbols(path, "-D", "--defined-only") if kind in "TWi"} & wanted)
        wanted -= set(of_it)
        functions += [(name, number) for name in of_it]
    save = "\n    ".join(f"movups %xmm{i}, {16 * i}(%rsp)" for i in range(8))
    restore = "\n    ".join(f"movups {16 * i}(%rsp), %xmm{i}" for i in range(8))
    with open(out, "w", encoding="ascii") as file:
        file.write("    .text\n    .hidden clo_lazy_resolve\n")
        file.write(RESOLVE.format(save=save, restore=restore))
        file.writelines(STUB.format(name=name, number=number) for number, (name, _) in enumerate(functions))
        for table in ("slots", "functions", "libraries", "libraries_count"):
            file.write(f"    .globl clo_lazy_{table}\n    .hidden clo_lazy_{table}\n")
        file.write("    .data\n    .balign 8\nclo_lazy_slots:\n")
        file.writelines(f"    .quad first_{number}\n" for number in range(len(functions)))
        file.write('    .section .data.rel.ro,"aw"\n    .balign 8\nclo_lazy_functions:\n')
        file.writelines(f"    .quad name_{name}, {library}\n" for name, library in functions)
        file.write("clo_lazy_libraries:\n")
        file.writelines(f"    .quad library_{number}\n" for number in range(len(names)))
        file.write(f"    .section .rodata\n    .balign 8\nclo_lazy_libraries_count:\n    .quad {len(names)}\n")
        file.writelines(f'name_{name}:\n    .asciz "{name}"\n' for name, _ in functions)
        file.writelines(f'library_{number}:\n    .asciz "{name}"\n' for number, name in enumerate(names))
        file.write('    .section .note.GNU-stack,"",@progbits\n')


main()
