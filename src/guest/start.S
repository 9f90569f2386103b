/* start.S - the two ways into the guest. The VMM sets rip and a fresh rsp, nothing else counts. */

        .text
        .globl  clo_guest_start, clo_guest_run
        .type   clo_guest_start, @function
        .type   clo_guest_run, @function

/* While an image is built: rip of the ELF file's entry. */
clo_guest_start:
        xorl    %ebp, %ebp
        andq    $-16, %rsp
        call    clo_boot
        ud2

/* At every run: rip is the address that the guest named when it was ready. */
clo_guest_run:
        xorl    %ebp, %ebp
        andq    $-16, %rsp
        call    clo_run
        ud2

        .section .note.GNU-stack, "", @progbits
