/* visited.h - what earlier runs of the same program have failed already: a file of lines, which
 * several processes may read and add to at once.
 *
 *   begun 1796000000        when; run.py looks at it
 *   + 0123456789abcdef      failed, and nothing was found
 *   ! 0123456789abcdef      failed, and it was a finding: each run fails it again
 *
 * The later line of a key counts. A line that is none is passed over, so what is damaged is visited
 * once more.
 */
#ifndef CLO_TESTS_FAULTS_VISITED_H
#define CLO_TESTS_FAULTS_VISITED_H

#include <stdbool.h>
#include <stdint.h>

enum visited { VISITED_NOT, VISITED_CLEAN, VISITED_FOUND };

/* Without a path nothing is known, and nothing is kept. */
void visited_open(const char *path);
enum visited visited_get(uint64_t key);
void visited_put(uint64_t key, enum visited how);

#endif
