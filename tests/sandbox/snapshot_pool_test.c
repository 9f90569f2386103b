/* snapshot_pool_test.c - runs of sessions in pools: each brings its state along as a file, takes it away as
 * another, and leaves nothing of it.
 *
 * The image: $CLOCHE_IMAGE, or the first argument.
 */
#include "session_fixture.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- sessions go on ---- */

static void a_session_goes_on_in_any_place(void **state)
{
    (void)state;
    for (int from = 0; from < SNAPSHOT_PLACES; from++) {
        for (int to = 0; to < SNAPSHOT_PLACES; to++) {
            if (!snapshot_can(&snapshot_places[from]) || !snapshot_can(&snapshot_places[to]))
                continue;
            struct clo_pool *one = session_pool(&snapshot_places[from], 1, 0);
            struct clo_pool *other = session_pool(&snapshot_places[to], 1, 0);
            struct session session = SESSION;
            session_run(&session, one,
                        "import collections\nn = 41\ndef more(): return n + 1\n"
                        "open('/tmp/kept', 'w').write('in the guest')\n"
                        "open('/output/kept', 'w').write('on the host')\n",
                        "");
            session_run(
                &session, other,
                "n = more()\nprint(n, open('/tmp/kept').read(), open('/output/kept').read())",
                "42 in the guest on the host\n");
            session_run(&session, one, "print(more(), collections.Counter('aab')['a'])", "43 2\n");
            session_end(&session);
            clo_pool_destroy(one);
            clo_pool_destroy(other);
        }
    }
}

int main(int count, char **arguments)
{
    int status = runs_begin(count, arguments);
    if (status)
        return status;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_goes_on_in_any_place),
    };
    return runs_end(runs_all(tests));
}
