/* register_node (0x10) and update_node (0x11): node record | node_sig 64 | vrf_proof 80;
 * leave (0x12): node_id 32. The two proofs of possession bind the node's key and the VRF key to the
 * owner's account, so that nobody registers another's. */
#include "node/chain/execution.h"
#include "node/crypto/vrf.h"
#include "node/wire/codec.h"

static const uint8_t zeros[VRF_PROOF_BYTES];

struct registration {
    struct node_record record;
    const uint8_t *node_sig;
    const uint8_t *vrf_proof;
};

static enum err registration_read(struct registration *registration, struct span body)
{
    struct reader r;
    reader_init(&r, body);
    node_record_read(&registration->record, &r);
    registration->node_sig = reader_raw(&r, SIGN_BYTES);
    registration->vrf_proof = reader_raw(&r, VRF_PROOF_BYTES);
    return reader_end(&r);
}

void tx_node_alpha(uint8_t alpha[TX_NODE_ALPHA_BYTES], const uint8_t genesis_hash[32],
                   const uint8_t owner[32])
{
    memcpy(alpha, "xpx/vrf-possession/1", 20);
    memcpy(alpha + 20, genesis_hash, 32);
    memcpy(alpha + 52, owner, 32);
}

void tx_node_message(struct sign_message *message, const uint8_t genesis_hash[32],
                     const uint8_t owner[32], struct span record)
{
    *message = (struct sign_message){.context = SIGN_CONTEXT("node"),
                                     .genesis = genesis_hash,
                                     .body = {span_of(owner, 32), record}};
}

enum err tx_register_node_check(const struct tx *tx, struct tx_check *check)
{
    struct registration registration;
    TRY(registration_read(&registration, tx->body));
    const struct node_record *record = &registration.record;
    if (memcmp(record->node_id, zeros, 32) == 0 || memcmp(record->vrf, zeros, 32) == 0) {
        return ERR_RANGE;
    }
    const uint8_t *genesis_hash = check->genesis->hash;
    struct sign_message message;
    tx_node_message(&message, genesis_hash, tx->sender, record->bytes);
    check->verify++;
    TRY(sign_verify(registration.node_sig, record->node_id, &message));
    if (check->genesis->params.vrf == 0) { /* never changes on the way: params_changeable */
        bool none = memcmp(registration.vrf_proof, zeros, VRF_PROOF_BYTES) == 0;
        return none ? ERR_OK : ERR_NONCANONICAL;
    }
    uint8_t alpha[TX_NODE_ALPHA_BYTES];
    uint8_t beta[VRF_BETA_BYTES];
    tx_node_alpha(alpha, genesis_hash, tx->sender);
    check->vrf_verify++;
    return vrf_verify(beta, record->vrf, registration.vrf_proof, span_of(alpha, sizeof(alpha)));
}

enum err tx_update_node_check(const struct tx *tx, struct tx_check *check)
{
    return tx_register_node_check(tx, check);
}

enum err tx_leave_check(const struct tx *tx, struct tx_check *check)
{
    (void)check;
    struct reader r;
    reader_init(&r, tx->body);
    (void)reader_raw(&r, 32);
    return reader_end(&r);
}

static enum err node_put(struct execution *x, const struct node_leaf *leaf)
{
    uint8_t bytes[NODE_LEAF_BYTES_MAX];
    size_t len;
    node_leaf_encode(bytes, &len, leaf);
    uint8_t key[32];
    leaf_key_id(key, STATE_NODE, leaf->record.node_id);
    return state_edit_put(x->edit, key, span_of(bytes, len));
}

static enum err node_get(struct node_leaf *leaf, struct execution *x, const uint8_t node_id[32])
{
    uint8_t key[32];
    leaf_key_id(key, STATE_NODE, node_id);
    struct span value;
    TRY(state_edit_get(&value, x->edit, key));
    return node_leaf_decode(leaf, value);
}

/* A new VRF key waits its two epochs again (spec: chain 1.2). */
static void vrf_key_set(struct execution *x, struct account *sender, const uint8_t vrf[32])
{
    if (memcmp(sender->vrf_key, vrf, 32) != 0) {
        memcpy(sender->vrf_key, vrf, 32);
        sender->vrf_height = x->height;
    }
}

enum err tx_register_node_apply(struct execution *x, const struct tx *tx, struct account *sender)
{
    struct registration registration;
    TRY(registration_read(&registration, tx->body));
    if (memcmp(sender->node_id, zeros, 32) != 0) {
        return ERR_DUPLICATE; /* an account owns at most one node */
    }
    struct node_leaf old;
    enum err err = node_get(&old, x, registration.record.node_id);
    if (err == ERR_OK && old.status != NODE_LEFT) {
        return ERR_DUPLICATE;
    }
    if (err != ERR_OK && err != ERR_NOT_FOUND) {
        return err;
    }
    memcpy(sender->node_id, registration.record.node_id, 32);
    vrf_key_set(x, sender, registration.record.vrf);
    return node_put(x, &(struct node_leaf){.owner = tx->sender,
                                           .record = registration.record,
                                           .status = NODE_ACTIVE,
                                           .height = x->height});
}

enum err tx_update_node_apply(struct execution *x, const struct tx *tx, struct account *sender)
{
    struct registration registration;
    TRY(registration_read(&registration, tx->body));
    if (memcmp(sender->node_id, registration.record.node_id, 32) != 0) {
        return ERR_NOT_FOUND;
    }
    vrf_key_set(x, sender, registration.record.vrf);
    return node_put(x, &(struct node_leaf){.owner = tx->sender,
                                           .record = registration.record,
                                           .status = NODE_ACTIVE,
                                           .height = x->height});
}

enum err tx_leave_apply(struct execution *x, const struct tx *tx, struct account *sender)
{
    const uint8_t *node_id = tx->body.data;
    if (memcmp(node_id, zeros, 32) == 0 || memcmp(sender->node_id, node_id, 32) != 0) {
        return ERR_NOT_FOUND;
    }
    struct node_leaf leaf;
    TRY(node_get(&leaf, x, node_id));
    leaf.status = NODE_LEFT;
    leaf.height = x->height;
    memset(sender->node_id, 0, 32);
    memset(sender->vrf_key, 0, 32);
    sender->vrf_height = 0;
    return node_put(x, &leaf);
}
