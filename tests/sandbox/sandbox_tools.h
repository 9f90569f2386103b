/* sandbox_tools.h - the tools that the tests of sandboxes and pools call. */
#ifndef TESTS_VM_SANDBOX_TOOLS_H
#define TESTS_VM_SANDBOX_TOOLS_H

#include <stddef.h>

#include "cloche/tool.h"

extern const struct clo_tool test_tools[];
extern const size_t test_tool_count;

#endif
