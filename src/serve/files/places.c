/* places.c - which file stands where. What the model is told is in places_show.c. */
#include "serve/files/places.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "serve/files/file_name.h"

#define INPUT "/input/"
#define NUMBER_MAX 1000

void clo_places_init(struct clo_places *places, struct clo_file_store *files, const char *user,
                     const char *const *taken, size_t taken_count)
{
    memset(places, 0, sizeof *places);
    places->files = files;
    places->user = user;
    places->taken = taken;
    places->taken_count = taken_count;
    places->unnamed = json_array();
    pthread_mutex_init(&places->lock, NULL);
}

static void forget_mounts(struct clo_places *places)
{
    for (size_t i = 0; i < places->mount_count; i++) {
        free((char *)places->mounts[i].source);
        free((char *)places->mounts[i].target);
    }
    free(places->mounts);
    places->mounts = NULL;
    places->mount_count = 0;
}

void clo_places_clear(struct clo_places *places)
{
    forget_mounts(places);
    for (size_t i = 0; i < places->count; i++) {
        free(places->all[i].name);
        free(places->all[i].target);
        free(places->all[i].source);
    }
    free(places->all);
    json_decref(places->left);
    json_decref(places->unnamed);
    pthread_mutex_destroy(&places->lock);
}

/* Is `path` above `other`? Then it cannot be a file. */
static bool is_above(const char *path, const char *other)
{
    size_t length = strlen(path);
    return strncmp(path, other, length) == 0 && other[length] == '/';
}

static bool collides(const char *target, const char *other)
{
    return strcmp(target, other) == 0 || is_above(target, other);
}

/* A folder that the agent mounts may have files put into it, a file may not. */
static bool is_free(const struct clo_places *places, const char *target)
{
    for (size_t i = 0; i < places->taken_count; i++) {
        if (collides(target, places->taken[i]))
            return false;
    }
    for (size_t i = 0; i < places->count; i++) {
        if (collides(target, places->all[i].target) || is_above(places->all[i].target, target))
            return false;
    }
    return true;
}

/* The file's own name, or with a number. False: it cannot stand there. */
static bool choose(const struct clo_places *places, const char *name, char target[CLO_PLACE_MAX])
{
    char flat[CLO_FILE_NAME_MAX + 1], numbered[CLO_FILE_NAME_MAX + 1];
    snprintf(flat, sizeof flat, "%s", name);
    for (int pass = 0; pass < 2; pass++) {
        snprintf(target, CLO_PLACE_MAX, INPUT "%s", flat);
        for (unsigned i = 2; !is_free(places, target); i++) {
            if (i == NUMBER_MAX || !clo_file_name_number(numbered, sizeof numbered, flat, i))
                break;
            snprintf(target, CLO_PLACE_MAX, INPUT "%s", numbered);
        }
        if (is_free(places, target))
            return true;
        for (char *at = flat; *at; at++) /* a file stands where its folder would have to be */
            *at = *at == '/' ? '_' : *at;
    }
    return false;
}

static struct clo_place *find(struct clo_places *places, const struct clo_file *file, bool artifact)
{
    for (size_t i = 0; i < places->count; i++) {
        struct clo_place *place = &places->all[i];
        if (strcmp(place->id, file->id) == 0)
            return place;
        if (artifact && place->artifact && strcmp(place->name, file->name) == 0)
            return place;
    }
    return NULL;
}

static bool make_room(struct clo_places *places)
{
    if (places->count + places->taken_count >= CLO_PLACES_MAX)
        return false;
    if (places->count < places->room)
        return true;
    size_t room = places->room ? 2 * places->room : 8;
    struct clo_place *all = realloc(places->all, room * sizeof *all);
    if (!all)
        return false;
    places->all = all;
    places->room = room;
    return true;
}

static bool put(struct clo_places *places, const struct clo_file *file, bool artifact,
                char target[CLO_PLACE_MAX])
{
    if (!make_room(places) || !choose(places, file->name, target))
        return false;
    struct clo_place place = {.artifact = artifact,
                              .name = strdup(file->name),
                              .target = strdup(target),
                              .source = clo_file_store_path(places->files, file->id)};
    if (!place.name || !place.target || !place.source) {
        free(place.name);
        free(place.target);
        free(place.source);
        return false;
    }
    memcpy(place.id, file->id, sizeof place.id);
    places->all[places->count++] = place;
    return true;
}

/* A newer version of what stands there. */
static bool replace(struct clo_places *places, struct clo_place *place, const struct clo_file *file)
{
    char *source = clo_file_store_path(places->files, file->id);
    if (!source)
        return false;
    free(place->source);
    place->source = source;
    memcpy(place->id, file->id, sizeof place->id);
    return true;
}

bool clo_places_add(struct clo_places *places, const struct clo_file *file, bool artifact,
                    char target[CLO_PLACE_MAX])
{
    pthread_mutex_lock(&places->lock);
    struct clo_place *place = find(places, file, artifact);
    bool good = place ? strcmp(place->id, file->id) == 0 || replace(places, place, file)
                      : put(places, file, artifact, target);
    if (good && place)
        snprintf(target, CLO_PLACE_MAX, "%s", place->target);
    pthread_mutex_unlock(&places->lock);
    return good;
}

const struct clo_mount *clo_places_mounts(struct clo_places *places, size_t *count)
{
    *count = 0;
    pthread_mutex_lock(&places->lock);
    forget_mounts(places);
    places->mounts = calloc(places->count + 1, sizeof *places->mounts);
    for (size_t i = 0; i < places->count && places->mounts; i++) {
        const struct clo_place *place = &places->all[i];
        if (!clo_file_store_has(places->files, places->user, place->id))
            continue; /* it was deleted since: the run would not begin */
        struct clo_mount mount = {.source = strdup(place->source), .target = strdup(place->target)};
        places->mounts[places->mount_count++] = mount;
        if (!mount.source || !mount.target)
            break;
    }
    /* without memory for one of them those before it are there */
    *count = places->mount_count;
    if (places->mounts && *count &&
        (!places->mounts[*count - 1].source || !places->mounts[*count - 1].target))
        --*count;
    pthread_mutex_unlock(&places->lock);
    return places->mounts;
}
