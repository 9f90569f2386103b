/* agent_file.c - an agent.yaml, hostile: reading it ends, within its bounds; each thing that is wrong has a
 * place in the text. Files that it names are not opened. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct clo_yaml *parse(const uint8_t *data, size_t size)
{
    struct clo_yaml *yaml;
    struct clo_error error = {0};
    if (clo_yaml_parse(&yaml, "a.yaml", (const char *)data, size, &error) == 0)
        return yaml;
    if (!clo_finding_place(error.message) && error.code != CLO_ENOMEMORY)
        abort();
    return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct clo_agent_settings settings = {0};
    struct clo_findings findings = {0};
    struct clo_error error;
    struct clo_yaml *yaml = parse(data, size);
    if (!yaml)
        return 0;
    if (clo_yaml_expand(yaml, &findings, &error) == 0)
        clo_settings_read(&settings, clo_yaml_root(yaml), NULL, &findings, &error);
    for (size_t i = 0; i < findings.count; i++)
        if (!clo_finding_place(findings.list[i].error.message))
            abort();
    for (size_t i = 0; i < settings.library_count && !findings.errors; i++)
        if (!settings.libraries[i].library || !*settings.libraries[i].library)
            abort();
    clo_findings_free(&findings);
    clo_yaml_close(yaml);
    return 0;
}
