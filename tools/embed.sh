#!/bin/sh
# embed.sh PROGRAM OUTPUT.S: an assembler file that holds PROGRAM, stripped, between two symbols.
set -eu
program=$1 output=$2
strip -o "$output.elf" "$program"
cat >"$output" <<END
/* made by tools/embed.sh of $(basename "$program") */
.section .rodata
.balign 16
.globl clo_zygote_program_start
.hidden clo_zygote_program_start
clo_zygote_program_start:
.incbin "$(realpath "$output.elf")"
.globl clo_zygote_program_end
.hidden clo_zygote_program_end
clo_zygote_program_end:
.section .note.GNU-stack,"",@progbits
END
