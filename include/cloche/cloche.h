/* cloche/cloche.h - everything of libcloche's public interface. */
#ifndef CLOCHE_CLOCHE_H
#define CLOCHE_CLOCHE_H

#include "cloche/agent.h"
#include "cloche/cancel.h"
#include "cloche/error.h"
#include "cloche/hooks.h"
#include "cloche/image.h"
#include "cloche/isolation.h"
#include "cloche/sandbox.h"
#include "cloche/serve.h"
#include "cloche/tool.h"
#include "cloche/value.h"

#endif
