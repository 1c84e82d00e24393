#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "node/client/ctl_chain.h"
#include "node/client/ctl_node.h"
#include "node/daemon/store_tools.h"
#include "node/host/chain_out.h"

/* Records of a database; the last one read is held. */
struct database {
    struct store *store;
    struct record record;
    bool held;
};

static void release(struct database *from)
{
    if (from->held) {
        store_read_release(from->store, &from->record, 1);
        from->held = false;
    }
}

static bool get(void *context, struct span *value, struct span prefix)
{
    struct database *from = context;
    size_t count = 0;
    bool more;

    release(from);
    enum err err =
        store_read(from->store, &from->record, &count, &more, prefix, span_of(NULL, 0), 1, false);
    if (err != ERR_OK || count == 0) {
        return false;
    }
    from->held = true;
    *value = span_of(from->record.value->data, from->record.value->len);
    return true;
}

static int refuse(enum err err, uint64_t height)
{
    if (err == ERR_STALE) {
        return ctl_fail("there is no final block yet");
    }
    if (height == 0) {
        return ctl_fail("the newest checkpoint: %s", err_text(err));
    }
    return err == ERR_NOT_FOUND
               ? ctl_fail("block %" PRIu64 " is missing: this node did not begin at genesis, keeps "
                          "no old blocks, or lost it",
                          height)
               : ctl_fail("block %" PRIu64 " is damaged", height);
}

static int store_export(struct store *store, const struct genesis *genesis, const char *path,
                        bool json)
{
    struct database from = {.store = store};
    const struct chain_source source = {.get = get, .context = &from};
    struct chain_out chain;
    int status = CTL_OK;

    enum err err = chain_out_find(&chain, &source);
    if (err != ERR_OK) {
        status = refuse(err, chain.lacking);
    } else if (chain_out_write(&chain, &source, genesis, path) != ERR_OK) {
        status = ctl_fail("%s: not written: %s", path, strerror(errno));
    } else {
        char id[65];
        ctl_hex_text(id, chain.final.id, 32);
        if (json) {
            json_t *said = json_pack("{s:s, s:I, s:s}", "file", path, "height",
                                     (json_int_t)chain.final.height, "id", id);
            ctl_print_json(said);
            json_decref(said);
        } else {
            printf("height %" PRIu64 ", id %s\n", chain.final.height, id);
        }
    }
    release(&from);
    chain_out_end(&chain);
    return status;
}

int ctl_chain_export(const char *folder, struct span bytes, const char *out, bool json)
{
    char message[STORE_MESSAGE_BYTES] = "";
    struct genesis genesis;
    struct store *store;
    enum err err = genesis_decode(&genesis, bytes);

    if (err != ERR_OK) {
        return ctl_fail("genesis: %s", err_text(err));
    }
    if (store_open_as(&store, NULL, folder, genesis.hash, STORE_KEEP, 0, message) != ERR_OK) {
        return ctl_fail("%s", message);
    }
    int status = store_export(store, &genesis, out, json);
    store_close(store);
    return status;
}
