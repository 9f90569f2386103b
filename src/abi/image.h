/* image.h - the image file: a pre-initialised guest, ready to be mapped.
 *
 *   [header, one page][pages of segment 0][pages of segment 1]...[hot list]
 *
 * All offsets and sizes are multiples of 4096 except hot_count. Integers are little-endian. The
 * hash covers the whole file with the sha256 field taken as zeros. A reader refuses what does not
 * match: magic, version, abi, sizes, segments out of order, overlapping or out of their area.
 */
#ifndef CLOCHE_ABI_IMAGE_H
#define CLOCHE_ABI_IMAGE_H

#include <stdint.h>

#include "abi/hostcall.h"
#include "abi/layout.h"

#define CLO_ABI_VERSION 5u
#define CLO_IMAGE_VERSION 1u
#define CLO_IMAGE_MAGIC                                                                            \
    "\x89"                                                                                         \
    "CLOCHE\n" /* 8 bytes; not text, and a newline that FTP-like tools break */
#define CLO_IMAGE_SEGMENTS_MAX 12
#define CLO_IMAGE_FILE_MAX (1ull << 30)
#define CLO_IMAGE_HOT_MAX 4096

enum clo_segment_kind {
    CLO_SEGMENT_SHARED = 1,  /* code and constants: never written, one copy for all micro-VMs */
    CLO_SEGMENT_PRIVATE = 2, /* data of the runtime: copied on write */
    CLO_SEGMENT_LINEAR = 3,  /* initialised part of linear memory: copied on write, grows */
    CLO_SEGMENT_HEAP = 4,    /* initialised part of the runtime's heap: copied on write, grows */
};

#define CLO_SEGMENT_WRITE 1u
#define CLO_SEGMENT_EXECUTE 2u /* never together with CLO_SEGMENT_WRITE */

struct clo_image_segment {
    uint32_t kind;
    uint32_t flags;
    uint64_t address;     /* guest virtual, 2 MiB aligned */
    uint64_t size;        /* bytes of memory; LINEAR and HEAP: what is granted at the start */
    uint64_t file_offset; /* of the first byte */
    uint64_t file_size;   /* at most size; the rest is zero */
};

struct clo_image_header {
    char magic[8];
    uint32_t version;     /* CLO_IMAGE_VERSION */
    uint32_t abi;         /* CLO_ABI_VERSION */
    uint32_t header_size; /* sizeof(struct clo_image_header) */
    uint32_t segment_count;
    uint64_t file_size;
    uint8_t sha256[32];
    char name[32];      /* "python" */
    char runtime[64];   /* "CPython 3.13.5" */
    char cpu[32];       /* instruction set that the code needs: "x86-64-v2" */
    char inputs[80];    /* hash of what the image was built from, hex */
    uint64_t run_entry; /* guest virtual address in an executable segment */
    uint32_t interrupt_count;
    uint32_t hot_count;  /* entries of the hot list: guest page numbers (address >> 12), uint32_t,
                            ascending: pages that a first run writes */
    uint64_t hot_offset; /* in the file */
    struct clo_image_segment segments[CLO_IMAGE_SEGMENTS_MAX];
    struct clo_interrupt_store interrupts[CLO_INTERRUPT_STORES_MAX];
};

_Static_assert(sizeof(struct clo_image_header) <= CLO_PAGE_SIZE, "the header is one page");
_Static_assert(sizeof(struct clo_image_segment) == 40, "no padding");

#endif
