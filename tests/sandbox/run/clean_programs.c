/* clean_programs.c - see clean_programs.h. */
#include "clean_programs.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static glob_t scripts;

size_t programs_open(const char *folder)
{
    char pattern[4096];
    snprintf(pattern, sizeof pattern, "%s/*.py", folder);
    if (glob(pattern, 0, NULL, &scripts) == 0)
        return scripts.gl_pathc;
    return 0;
}

void programs_close(void)
{
    globfree(&scripts);
}

void program_script(struct program *program, size_t number)
{
    const char *path = scripts.gl_pathv[number % scripts.gl_pathc];
    snprintf(program->name, sizeof program->name, "%s", strrchr(path, '/') + 1);
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        exit(1);
    }
    program->length = fread(program->code, 1, sizeof program->code - 1, file);
    fclose(file);
}

uint32_t program_dice(uint64_t *random, uint32_t sides)
{
    *random = *random * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)(*random >> 33) % sides;
}

/* Each leaves something behind, in its own corner; %u is a random number. */
static const struct {
    const char *code;
    uint32_t most;
} pieces[] = {
    {"print(sum(range(%u)))\n", 100000},
    {"x = [i * i for i in range(%u)]\n", 20000},
    {"d = {str(i): i for i in range(%u)}\n", 20000},
    {"import json\nprint(len(json.dumps(list(range(%u)))))\n", 5000},
    {"import json\njson.dumps = %u\n", 100},
    {"import builtins\nbuiltins.left = bytes(%u)\n", 100000},
    {"import builtins\nbuiltins.len = lambda _: %u\n", 100},
    {"import sys\nsys.modules['math'] = sys\nsys.setrecursionlimit(100 + %u)\n", 5000},
    {"import re\nprint(re.findall(r'(\\d)(\\d)', '%u' * 20)[:2])\n", 1000000},
    {"import hashlib\nprint(hashlib.sha256(b'x' * %u).hexdigest())\n", 100000},
    {"import decimal\ndecimal.getcontext().prec = 1 + %u\nprint(decimal.Decimal(2).sqrt())\n", 200},
    {"b = bytearray(%u)\nb[::4096] = b'z' * len(b[::4096])\n", 24 << 20},
    {"with open('/tmp/left', 'wb') as f:\n    f.write(b's' * %u)\n", 4 << 20},
    {"with open('/output/left', 'w') as f:\n    f.write('s' * %u)\n", 10000},
    {"def f(n):\n    return n and f(n - 1)\nf(%u)\n", 900},
    {"import random\nrandom.seed(%u)\nprint(random.random())\n", 1000},
    {"import secrets, time, uuid\nprint(secrets.token_hex(), time.time(), uuid.uuid4(), %u)\n", 9},
    {"print(call_tool('measure', value=['v'] * %u))\n", 20000},
    {"for i in range(%u):\n    call_tool('echo', value={'i': i, 'x': 0.5, 'b': b'\\0'})\n", 40},
    {"try:\n    call_tool('fail', message='m' * %u)\nexcept RuntimeError:\n    pass\n", 1000},
    {"import asyncio\nawait asyncio.gather(*(call_tool_async('nap', ms=1) for _ in range(%u)))\n",
     20},
    {"import asyncio\nasyncio.ensure_future(call_tool_async('nap', ms=%u))\n", 50},
    {"print('p' * %u)\n", 200000},
    {"import sys\nsys.stderr.write('e' * %u)\n", 5000},
    {"n = %u\nwhile n:\n    n -= 1\n", 200000},
    {"while True:\n    x = %u\n", 10},
    {"raise ValueError(%u)\n", 10},
    {"import os\nos._exit(%u)\n", 256},
    {"import sys\nsys.exit(%u)\n", 256},
    {"import time\ntime.sleep(%u / 1e4)\n", 100},
    {"1 / (%u & 1)\n", 100},
};

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* the formats stand in the table above */
void program_random(struct program *program, uint64_t *random)
{
    size_t at = 0;
    for (uint32_t n = 1 + program_dice(random, 4); n; n--) {
        uint32_t which = program_dice(random, sizeof pieces / sizeof *pieces);
        uint32_t number = program_dice(random, pieces[which].most + 1);
        at += (size_t)snprintf(program->code + at, sizeof program->code - at, pieces[which].code,
                               number);
    }
    program->length = at;
    snprintf(program->name, sizeof program->name, "random.py");
}
#pragma GCC diagnostic pop
