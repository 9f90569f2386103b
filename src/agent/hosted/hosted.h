/* agent/hosted/hosted.h - an agent that Foundry hosts: its file, and the environment of its container.
 *
 *   agent.yaml, kind: hosted ──▶ hosted_file.c: name, protocols, resources, environment variables
 *        │ beside it
 *   cloche.yaml ──▶ settings, as of an agent.yaml of Cloche's own (agent/settings.h)
 *
 *   FOUNDRY_HOSTING_ENVIRONMENT, PORT, … ──▶ hosted_environment.c: what `serve` does where nothing else
 *                                            is said
 *
 * What is always true
 * - A file of the platform's is read as it is: what it may hold and is not known here is left alone.
 * - What cloche.yaml and the command line say comes before the environment.
 * - Before an agent is made; one thread.
 */
#ifndef CLO_AGENT_HOSTED_HOSTED_H
#define CLO_AGENT_HOSTED_HOSTED_H

#include <stdbool.h>

#include "base/yaml/yaml.h"
#include "cloche/serve.h"

/* Is this process a container that the platform hosts? */
bool clo_hosted_is(void);

/* What `serve` does in such a container, where *config says nothing yet: all addresses, items as calls,
 * the store in the home folder, the session, times. `items_said`: config->items was chosen.
 * *store: the path, which *config refers to and the caller frees; NULL: none. Nothing, elsewhere.
 * CLO_EINVALID names the variable. */
int clo_hosted_defaults(struct clo_serve_config *config, bool items_said, char **store,
                        struct clo_error *error);

#define CLO_HOSTED_VARIABLES_MAX 256
#define CLO_HOSTED_PROTOCOLS_MAX 16

/* The part of the file that describes a hosted agent: the root, or its `template`. NULL: it is another
 * file. */
const struct clo_yaml_node *clo_hosted_part(const struct clo_yaml_node *root);

/* Read it. *name: of the tree; what is wrong goes to `findings`. Its environment variables are added to
 * the process's where they are not set: a value of other variables where these are set, one with
 * {{parameters}} of the deployment not at all. CLO_ENOMEMORY. */
int clo_hosted_read(const struct clo_yaml_node *part, const char **name,
                    struct clo_findings *findings, struct clo_error *error);

#endif
