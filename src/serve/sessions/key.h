/* serve/sessions/key.h - the key that this server seals snapshots with. */
#ifndef CLO_SERVE_SESSIONS_KEY_H
#define CLO_SERVE_SESSIONS_KEY_H

#include <stdint.h>

#include "serve/store/folder.h"

#define CLO_SNAPSHOT_KEY_BYTES 32
#define CLO_SNAPSHOT_KEY_NAME "key" /* in the folder */

/* Read the key of the folder; at its first use it is made, of the kernel's random bytes, and is on the
 * disk before anything is sealed with it. A private folder's is never written. CLO_EINVALID: it is not
 * one, or somebody else may read it; the error says what to do. CLO_ESYSTEM. */
int clo_snapshot_key(uint8_t key[CLO_SNAPSHOT_KEY_BYTES], const struct clo_folder *folder,
                     struct clo_error *error);

#endif
