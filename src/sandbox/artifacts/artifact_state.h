/* sandbox/artifacts/artifact_state.h - what artifact_names.c and artifact_data.c share. */
#ifndef CLO_SANDBOX_ARTIFACTS_ARTIFACT_STATE_H
#define CLO_SANDBOX_ARTIFACTS_ARTIFACT_STATE_H

#include "sandbox/artifacts/artifact_tree.h"

#define CLO_NO_SLOT UINT32_MAX

struct clo_artifact_tree {
    struct clo_artifact_node root;
    struct clo_artifact_node **buckets; /* by parent and name; a power of two */
    size_t bucket_count;
    size_t files, folders; /* with a name; without the root */
    uint64_t bytes;        /* of all files, those that only are open too */
    uint64_t orders, numbers;
    struct clo_limits limits;
    enum clo_limit refused;

    struct clo_spool *spool;        /* NULL: no file ever had contents */
    uint8_t *slots;                 /* 1: taken */
    uint32_t slot_count, slot_free; /* none below slot_free is free */
};

/* The quota is reached: EDQUOT, or EFBIG for one file. */
int clo_artifact_refuse(struct clo_artifact_tree *tree, enum clo_limit limit);

/* A file goes: its contents do. */
void clo_artifact_drop_data(struct clo_artifact_tree *tree, struct clo_artifact_node *node);
void clo_artifact_drop_spool(struct clo_artifact_tree *tree);

/* Have all contents in a spool that is the tree's alone and fits its limits. */
int clo_artifact_own_spool(struct clo_artifact_tree *tree, struct clo_error *error);

#endif
