/* The final chain of a run as a file, from the records of the machine that has seen most become
 * final, of those that have all blocks: one that began with a snapshot has not. */
#include "node/host/chain_out.h"

#include "sim/world/internal.h"

static bool get(void *context, struct span *value, struct span prefix)
{
    struct record_view view;

    if (records_get(context, &view, prefix) != ERR_OK) { /* all prefixes are whole keys */
        return false;
    }
    const struct blob *blob = view.value;
    *value = span_of(blob->data, blob->len);
    return true;
}

enum err world_chain_write(const struct world *w, const char *path)
{
    struct chain_source source = {.get = get};
    struct chain_out best = {.ids = NULL};

    for (uint32_t i = 0; i < w->count; i++) {
        struct chain_source mine = {.get = get, .context = &w->hosts[i].records};
        struct chain_out chain;
        struct final_record final;
        struct span record;
        if (w->population.members[i].byzantine || !get(mine.context, &record, span_of("c", 1)) ||
            final_record_decode(&final, record) != ERR_OK ||
            (best.ids != NULL && final.height <= best.final.height) ||
            chain_out_find(&chain, &mine) != ERR_OK) {
            continue;
        }
        chain_out_end(&best);
        best = chain;
        source = mine;
    }
    if (best.ids == NULL) {
        return ERR_NOT_FOUND;
    }
    enum err err = chain_out_write(&best, &source, &w->population.genesis, path);
    chain_out_end(&best);
    return err;
}
