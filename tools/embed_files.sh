#!/bin/sh
# embed_files.sh OUTPUT.S SYMBOL FILE…: an assembler file with a table of the FILEs, for C an array of
# { const char *name; const char *data; size_t size; } that ends with a name of NULL. A name is the file's
# without its folder.
set -eu
output=$1 symbol=$2
shift 2
{
    printf '/* made by tools/embed_files.sh */\n.section .data.rel.ro,"aw"\n.balign 8\n'
    printf '.globl %s\n.hidden %s\n%s:\n' "$symbol" "$symbol" "$symbol"
    number=0
    for file; do
        printf '.quad .Lname%d, .Ldata%d, .Lend%d - .Ldata%d\n' $number $number $number $number
        number=$((number + 1))
    done
    printf '.quad 0, 0, 0\n.section .rodata\n'
    number=0
    for file; do
        printf '.Lname%d: .asciz "%s"\n' $number "$(basename "$file")"
        printf '.Ldata%d: .incbin "%s"\n.Lend%d:\n' $number "$(realpath "$file")" $number
        number=$((number + 1))
    done
    printf '.section .note.GNU-stack,"",@progbits\n'
} >"$output"
