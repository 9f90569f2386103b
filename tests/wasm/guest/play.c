/* play.c - plays the groups of commands in the guest; takes the place of a module there.
 *
 * Before a command it writes the command's number, after it " ok" or what came: so the host knows,
 * when the run ends in a trap, in which command it did. */
#include <string.h>

#include "guest.h"
#include "play.h"
#include "request.h"
#include "runtime.h"

#define RESULTS_MAX 32u

void w2c_guest_guest_run(w2c_guest *guest);

void wasm2c_guest_instantiate(w2c_guest *guest)
{
    (void)guest;
}

static void say(const char *text)
{
    uint64_t length = 0;

    while (text[length] != '\0') {
        length++;
    }
    clo_output_write(1, (const uint8_t *)text, length);
}

static void say_number(const char *before, uint64_t value, unsigned base)
{
    char text[24];
    unsigned at = sizeof text - 1;

    text[at] = '\0';
    do {
        text[--at] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    say(before);
    say(text + at);
}

static bool fits(uint64_t bits, const struct play_want *want)
{
    switch (want->pattern) {
    case PLAY_CANONICAL_F32: return (bits & 0x7fffffffu) == 0x7fc00000u;
    case PLAY_ARITHMETIC_F32: return (bits & 0x7fc00000u) == 0x7fc00000u;
    case PLAY_CANONICAL_F64: return (bits & 0x7fffffffffffffffull) == 0x7ff8000000000000ull;
    case PLAY_ARITHMETIC_F64: return (bits & 0x7ff8000000000000ull) == 0x7ff8000000000000ull;
    case PLAY_EXACT: break;
    }
    return bits == want->bits;
}

static void report(const struct play_command *command, const struct play_want *wants,
                   const uint64_t *results)
{
    for (uint32_t i = 0; i < command->want_count; i++) {
        if (!fits(results[i], &wants[i])) {
            say_number(" result ", i, 10);
            say_number(" is 0x", results[i], 16);
            say(wants[i].pattern == PLAY_EXACT ? "" : ", not a NaN of the wanted kind");
            if (wants[i].pattern == PLAY_EXACT) {
                say_number(", not 0x", wants[i].bits, 16);
            }
            say("\n");
            return;
        }
    }
    say(" ok\n");
}

static void play(const struct play_group *group, uint32_t index)
{
    const struct play_command *command = &group->commands[index];
    uint64_t results[RESULTS_MAX] = {0};

    say_number("", index, 10);
    command->thunk(command->function, command->instance, group->words + command->words, results);
    report(command, group->wants + command->wants, results);
}

void play_instantiate(play_function function, void *instance, const uint64_t *arguments,
                      uint64_t *results)
{
    typedef void (*instantiate)(void *, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);

    (void)results;
    _Static_assert(PLAY_IMPORTS_MAX == 5, "one argument each");
    /* More arguments than it takes do no harm: see boot.c. */
    ((instantiate)function)(instance, arguments[0], arguments[1], arguments[2], arguments[3],
                            arguments[4]);
}

static bool is_skipped(const struct play_request *request, uint32_t index)
{
    for (uint32_t i = 0; i < request->skip_count; i++) {
        if (request->skips[i] == index) {
            return true;
        }
    }
    return false;
}

void w2c_guest_guest_run(w2c_guest *guest)
{
    struct play_request request;

    (void)guest;
    memcpy(&request, (const void *)(CLO_WINDOW_VA + CLO_WINDOW_REPLY), sizeof request);
    if (request.magic != PLAY_MAGIC || request.group >= play_group_count ||
        request.skip_count > PLAY_SKIPS_MAX) {
        return; /* while the image is made, small Python programs are run */
    }
    const struct play_group *group = play_groups[request.group];
    for (uint32_t i = 0; i < group->count; i++) {
        if (i == request.stop ||
            (group->commands[i].kind != PLAY_TRAP && !is_skipped(&request, i))) {
            play(group, i);
        }
        if (i == request.stop) {
            break;
        }
    }
}
