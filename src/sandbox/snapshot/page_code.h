/* sandbox/snapshot/page_code.h - pages of a state as records: what differs from the image's page.
 *
 *   [u32 number][u16 form][u16 length][length bytes]
 *
 *   ZERO   0 bytes: all of it is zero, where the image's is not
 *   WORDS  a mask of 512 bits, then the 64-bit words that it names, in their order: those that
 *   differ WHOLE  4,096 bytes
 */
#ifndef CLO_SANDBOX_SNAPSHOT_PAGE_CODE_H
#define CLO_SANDBOX_SNAPSHOT_PAGE_CODE_H

#include "vm/vm.h"

#define CLO_PAGE_RECORD_MAX (8 + CLO_PAGE_SIZE)

/* Into `out`, with room for CLO_PAGE_RECORD_MAX bytes; how many it takes. `was`: the image's page.
 * The page may be changing: what is written is one of the pages that it was meanwhile. */
size_t clo_page_encode(uint8_t *out, uint32_t number, const uint8_t *page, const uint8_t *was);

/* The page number of the record at `bytes`; CLO_EINVALID: it is not well-formed, or not whole. */
int clo_page_record(const uint8_t *bytes, size_t length, uint32_t *number, size_t *size,
                    struct clo_error *error);
/* Of a record that is well-formed: the page. */
void clo_page_decode(uint8_t page[CLO_PAGE_SIZE], const uint8_t *record, const uint8_t *was);

#endif
