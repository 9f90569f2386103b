/* layout.h - where things are in a guest's address space, and how large they may be.
 *
 * Constants only: the guest runtime and the host are both compiled from this file, so a change here
 * is a change of the contract across the wall and raises CLO_ABI_VERSION (image.h).
 *
 *   0x00_0000_0000   linear memory of the Wasm module, up to 4 GiB: mapped as far as granted
 *   0x01_0000_0000   never mapped
 *   0x03_0000_0000   code, constants and data of the image: the ELF file's segments
 *   0x04_0000_0000   native stack, CLO_STACK_SIZE; nothing is mapped on either side of it
 *   0x05_0000_0000   the window, shared with the host: control page, output, call and reply areas
 *   0x06_0000_0000   heap of the guest's runtime, up to 4 GiB, which grows like linear memory
 *   0x80_0000_0000   GDT, IDT, TSS and fault stubs: supervisor only
 *
 * A 32-bit index and a 32-bit offset together reach 8 GiB - 2 at most. That ends in the gap between
 * linear memory and the code, so every access out of bounds faults.
 *
 * Only lower-half addresses are used: some KVM flavours do not map all of the upper half.
 */
#ifndef CLOCHE_ABI_LAYOUT_H
#define CLOCHE_ABI_LAYOUT_H

#include <stdint.h>

#define CLO_PAGE_SIZE 4096ull
#define CLO_HUGE_PAGE_SIZE (2ull << 20)
#define CLO_WASM_PAGE_SIZE 65536ull

#define CLO_LINEAR_VA 0ull
#define CLO_LINEAR_MAX (4ull << 30)
#define CLO_IMAGE_VA 0x300000000ull
#define CLO_STACK_VA 0x400000000ull
#define CLO_STACK_SIZE (4ull << 20)
#define CLO_WINDOW_VA 0x500000000ull
#define CLO_HEAP_VA 0x600000000ull
#define CLO_HEAP_MAX (4ull << 30)
#define CLO_SYSTEM_VA 0x8000000000ull

/* Inside the window. The areas start on 2 MiB boundaries so that the window can be mapped by large
 * page-table entries.
 *
 *   [control 4 KiB][output 64 KiB] ... [call area 8 MiB][reply area 8 MiB]
 *    0              0x1000              0x200000         0xA00000
 */
#define CLO_WINDOW_CONTROL 0ull
#define CLO_WINDOW_OUTPUT 0x1000ull
#define CLO_OUTPUT_AREA_SIZE 0x10000ull
#define CLO_WINDOW_CALL 0x200000ull
#define CLO_WINDOW_REPLY 0xA00000ull
#define CLO_MESSAGE_MAX (8ull << 20) /* size of the call area, and of the reply area */
#define CLO_WINDOW_SIZE (CLO_WINDOW_REPLY + CLO_MESSAGE_MAX)

/* I/O ports. Any other port, width or direction ends the run. */
#define CLO_PORT_CALL 0x10  /* `out %al` at CPL3: a host call */
#define CLO_PORT_FAULT 0xf0 /* `out %al` at CPL0: a fault stub */

#ifndef __ASSEMBLER__
_Static_assert(CLO_LINEAR_VA + 2 * CLO_LINEAR_MAX <= CLO_IMAGE_VA,
               "an access out of linear memory's bounds could reach the image");
_Static_assert(CLO_STACK_VA + CLO_STACK_SIZE < CLO_WINDOW_VA, "stack and window overlap");
_Static_assert(CLO_WINDOW_VA + CLO_WINDOW_SIZE < CLO_HEAP_VA, "window and heap overlap");
_Static_assert(CLO_HEAP_VA + CLO_HEAP_MAX < CLO_SYSTEM_VA, "heap and system area overlap");
_Static_assert(CLO_WINDOW_OUTPUT + CLO_OUTPUT_AREA_SIZE <= CLO_WINDOW_CALL, "output area too long");
_Static_assert(CLO_WINDOW_SIZE % CLO_HUGE_PAGE_SIZE == 0, "window is whole 2 MiB pages");
#endif

#endif
