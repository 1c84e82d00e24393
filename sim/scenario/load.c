/* From a scenario file to a scenario. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "node/base/invariant.h"
#include "settings/document.h"
#include "sim/scenario/schema.h"
#include "sim/scenario/validate.h"

static void paths_set(struct scenario *s, const char *path)
{
    char folder[600];
    const char *slash = strrchr(path, '/');
    const char *data = getenv("ORRERY_DATA");

    snprintf(folder, sizeof(folder), "%.*s", slash != NULL ? (int)(slash - path) : 1,
             slash != NULL ? path : ".");
    s->file = settings_copy(path);
    s->folder = settings_copy(folder);
    s->data = settings_copy(data != NULL ? data : ORRERY_DATA);
}

enum err scenario_load(struct scenario **out, struct settings_error *error, const char *path,
                       const char *const *settings, size_t settings_count)
{
    struct stat info;
    char file[700];
    struct document *root;
    size_t count;
    const struct key *keys = schema_root(&count);
    struct scenario *s = settings_many(1, sizeof(*s));

    *out = NULL;
    snprintf(file, sizeof(file), "%s%s", path,
             stat(path, &info) == 0 && S_ISDIR(info.st_mode) ? "/scenario.yaml" : "");
    params_defaults(&s->chain);
    paths_set(s, file);
    enum err err = document_read(&root, error, file);
    for (size_t i = 0; i < settings_count && err == ERR_OK; i++) {
        const char *equals = strchr(settings[i], '=');
        char key[256];
        invariant(equals != NULL);
        snprintf(key, sizeof(key), "%.*s", (int)(equals - settings[i]), settings[i]);
        err = document_set(root, error, key, equals + 1);
    }
    if (err == ERR_OK) {
        err = settings_read(s, keys, count, root, "a scenario", error);
    }
    if (err == ERR_OK) {
        err = scenario_validate(s, error, root);
    }
    document_free(root);
    if (err != ERR_OK) {
        scenario_free(s);
        return err;
    }
    *out = s;
    return ERR_OK;
}

void scenario_group_remove(struct scenario *s, uint64_t index)
{
    size_t count;
    const struct key *key = schema_root(&count);
    struct scenario_group *group = &s->groups[index];

    for (uint64_t i = 0; i < s->loads_count;) {
        if (strcmp(s->loads[i].group, group->name) == 0) {
            free(s->loads[i].group);
            s->loads_count--;
            memmove(&s->loads[i], &s->loads[i + 1], (s->loads_count - i) * sizeof(*s->loads));
        } else {
            i++;
        }
    }
    while (strcmp(key->name, "groups") != 0) {
        key++;
    }
    settings_free(group, key->sub, key->sub_count);
    s->groups_count--;
    memmove(group, group + 1, (s->groups_count - index) * sizeof(*group));
}

void scenario_free(struct scenario *s)
{
    size_t count;
    const struct key *keys = schema_root(&count);

    if (s == NULL) {
        return;
    }
    settings_free(s, keys, count);
    free(s->file);
    free(s->folder);
    free(s->data);
    free(s);
}
