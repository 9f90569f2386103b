/* sandbox/sandbox.h - which threads and processes there are, and who runs where. Read this first.
 *
 *   caller ─ clo_sandbox_run ──────────▶ the caller's thread ─┐
 *   caller ─ clo_pool_run ─▶ queue ─┬─▶ worker: the caller's ─┤
 *                                   └─▶ thread: a member's ───┤
 *                                                             ▼
 *    tool ◀─ waited for at once, ─┐                        backend ─┬─ "thread": runner, micro-VM
 *            on the run's thread  │ calls   ┌─────────────┐   │     └─ "worker": worker_client
 *                                 ├─────────┤ host_calls  │◀──┘                        ║
 *    tool ◀─ tool threads ◀───────┘         └─────────────┘                            ║ frames
 *            (pending_calls)                                                           ║
 *   ═══════════════════════════ another process each: may be taken over ═══════════════╬══════
 *                                                                                      ║
 *        zygote (one thread) ─── forks ───────────────▶ worker (one thread): runner, micro-VM
 *
 * Rooms
 *   call/     the host's: answering what a run asks     tool/     the host's: what call_tool reaches
 *   run/      a run in its micro-VM                     worker/   the process around it
 *   pool/     warm sandboxes, one queue                 value/    typed values; knows no sandbox
 *   snapshot/ the host's: a session as a file       suspend/  the host's: a run that waits for answers
 * run/, worker/ and the part of value/ that they need are the jail's library: worker processes are
 * linked of it, of src/vm and of a part of src/base, and of nothing else (src/meson.build).
 *
 * Words
 *   sandbox    a micro-VM and what its code may reach   member     a sandbox of a pool
 *   run        one execution of code                    order      a run with its limits resolved
 *   host call  what the guest asks of the host          tool call  one that reaches a tool
 *   worker     a process with one micro-VM              zygote     the process that forks workers
 *   manifest   what a run is told of its tools          to settle  to be made clean ahead of a run
 *   session    runs that share a state                  snapshot   a state and /output in a file
 *
 * What is always true
 * - A micro-VM of this process, its runner, its backend and its host_calls belong to one thread for
 *   their lives: a sandbox's to the caller that made it, a member's to the pool's thread. A member
 *   with a worker belongs to one thread at a time: a caller's for a run, the pool's keeper's between
 *   two (pool/pool_keeper.c). Only a kick comes from elsewhere (clo_runner_kick; a signal, to a worker).
 * - A tool that is waited for at once runs on the run's own thread. All others run on the tool
 *   threads, at most CLO_TOOL_THREADS_MAX for a pool or a sandbox by itself, in a lane a run.
 * - What a worker process sends is checked as what a guest sends is. Nothing that it says decides
 *   about limits, memory or time: the host counts for itself, and kills it.
 * - A struct clo_config and its tools do not change once made, and outlive what is made from them.
 * - A run of a pool is let in by the memory budget before it begins, with what it may have without
 *   asking; more is reserved before its guest gets it. All of it is on the account until
 *   the micro-VM is clean again.
 *
 * Locks, in the order in which they are taken
 *   a cancellation token's ─▶ the pool's ─▶ the memory budget's
 *   a run's pending calls' ─▶ the tool threads' executor's
 *   the zygote's ─▶ that of the process's KVM (src/vm/kvm/kvm.c)
 *   a serial tool's own, alone
 * None is held while code runs in a guest or a tool is called. A worker process has one thread:
 * nothing there ever waits for a lock.
 */
#ifndef CLO_SANDBOX_SANDBOX_H
#define CLO_SANDBOX_SANDBOX_H

#include "cloche/sandbox.h"

#endif
