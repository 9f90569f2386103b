/* turns.h - what tests of whole turns share: replies of a chat server, the image, the wall. */
#ifndef CLO_TESTS_AGENT_TURNS_H
#define CLO_TESTS_AGENT_TURNS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cloche/isolation.h"
#include "cloche/sandbox.h"
#include "model_server.h"
#include "vm/vm.h"

#define CHUNK(delta, rest)                                                                         \
    "data: {\"model\":\"c-1\",\"choices\":[{\"index\":0,\"delta\":" delta rest "}]}\n\n"
#define CALL(number, id, name, arguments)                                                          \
    CHUNK("{\"tool_calls\":[{\"index\":" number ",\"id\":\"" id                                    \
          "\",\"function\":{\"name\":\"" name "\",\"arguments\":\"" arguments "\"}}]}",            \
          "")
#define RUN(number, id, code) CALL(number, id, "execute_code", "{\\\"code\\\":\\\"" code "\\\"}")
#define END                                                                                        \
    CHUNK("{}", ",\"finish_reason\":\"stop\"")                                                     \
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":2}}\n\n"           \
    "data: [DONE]\n\n"
#define SAY(text) EVENTS CHUNK("{\"content\":\"" text "\"}", "") END

#define SKIPPED 77 /* exit status: this machine cannot run it */

static char image[4096];
static enum clo_isolation wall; /* around the code of all tests but those that choose their own */

/* The image beside the program under test, unless the environment names one. Is it there? */
static bool find_image(void)
{
    const char *named = getenv("CLOCHE_IMAGE");
    char self[3000];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    self[length > 0 ? length : 0] = '\0';
    for (int up = 0; up < 2 && strrchr(self, '/'); up++)
        *strrchr(self, '/') = '\0';
    snprintf(image, sizeof image, "%s%s", named ? named : self, named ? "" : "/python.image");
    return access(image, R_OK) == 0;
}

/* The wall of CLOCHE_ISOLATION, which the agent's files then take too, else what the machine has. */
static void find_wall(void)
{
    const char *chosen = getenv("CLOCHE_ISOLATION");
    bool process = chosen && *chosen ? strcmp(chosen, "process") == 0 : clo_kvm_probe(NULL) != 0;
    wall = process ? CLO_ISOLATION_PROCESS : CLO_ISOLATION_MICROVM;
    setenv("CLOCHE_ISOLATION", clo_isolation_name(wall), 1);
    fprintf(stderr, "turns are played by %s isolation\n", clo_isolation_name(wall));
}

static enum clo_placement placement_for(enum clo_isolation isolation)
{
    return isolation == CLO_ISOLATION_PROCESS ? CLO_PLACEMENT_WORKER : CLO_PLACEMENT_THREAD;
}

/* 0, or the exit status of a test that cannot be played here. */
static int prepare_turns(void)
{
    if (!find_image()) {
        fprintf(stderr, "SKIP: NO IMAGE AT %s: TURNS ARE NOT TESTED\n", image);
        return SKIPPED;
    }
    find_wall();
#ifdef __SANITIZE_ADDRESS__
    if (wall == CLO_ISOLATION_PROCESS) {
        fprintf(stderr, "SKIP: ADDRESSSANITIZER'S OWN MEMORY LIES WHERE A GUEST'S HAS TO BE\n");
        return SKIPPED;
    }
#endif
    return 0;
}

#endif
