#include "node/chain/mesh.h"

#include "node/seam/config.h"

/* Wants a link to the node of a voter; skipped when its account has none, or one without an
 * address. */
static void choose(struct mesh *mesh, struct ctx *c, struct overlay *overlay,
                   const struct committee *committee, const uint8_t root[32], uint32_t voter)
{
    struct account account;
    struct node_facts node;
    struct endpoint endpoint;
    if (mesh->count == MESH_CHOSEN_MAX ||
        state_account(&account, c->shared, root, committee_key(committee, voter)) != ERR_OK ||
        state_node(&node, c->shared, root, account.node_id) != ERR_OK) {
        return;
    }
    memcpy(endpoint.address, node.endpoint, 16);
    endpoint.port = (uint16_t)(node.endpoint[16] << 8 | node.endpoint[17]);
    memcpy(mesh->chosen[mesh->count++], node.node_id, 32);
    overlay_want(overlay, c, node.node_id, &endpoint);
}

/* True when the voter is this node, a ring neighbour, or drawn already. */
static bool drawn(const uint32_t *voters, uint32_t count, uint32_t voter)
{
    for (uint32_t i = 0; i < count; i++) {
        if (voters[i] == voter) {
            return true;
        }
    }
    return false;
}

static void chosen_links_find(struct mesh *mesh, const struct overlay *overlay)
{
    mesh->chosen_links = 0;
    for (uint64_t left = overlay_ready(overlay); left != 0; left &= left - 1) {
        mesh_link_ready(mesh, overlay, (uint32_t)__builtin_ctzll(left));
    }
}

void mesh_choose(struct mesh *mesh, struct ctx *c, struct overlay *overlay,
                 const struct committee *committee, const uint8_t root[32], uint32_t self)
{
    uint32_t n = committee->count;
    uint32_t random = (c->config->policy->mesh_links + 1) / 2;
    uint32_t voters[MESH_CHOSEN_MAX] = {self, (self + 1) % n, (self + n - 1) % n};
    uint32_t count = 3;
    overlay_unwant_all(overlay);
    mesh->count = 0;
    mesh->told_links[1] = mesh->told_links[0];
    mesh->told_links[0] = 0;
    if (n > 1) {
        choose(mesh, c, overlay, committee, root, voters[1]);
    }
    if (n > 2) {
        choose(mesh, c, overlay, committee, root, voters[2]);
    }
    uint32_t others = n > 3 ? n - 3 : 0;
    for (uint32_t k = 0; k < random && k < others && count < MESH_CHOSEN_MAX; k++) {
        uint32_t voter = (uint32_t)rng_below(c->rng, n);
        while (drawn(voters, count, voter)) {
            voter = (voter + 1) % n;
        }
        voters[count++] = voter;
        choose(mesh, c, overlay, committee, root, voter);
    }
    chosen_links_find(mesh, overlay);
}

void mesh_leave(struct mesh *mesh, struct overlay *overlay)
{
    if (mesh->count > 0) {
        overlay_unwant_all(overlay);
    }
    memset(mesh, 0, sizeof(*mesh));
}

bool mesh_link_ready(struct mesh *mesh, const struct overlay *overlay, uint32_t link)
{
    const struct overlay_link *l = overlay_at(overlay, link);
    for (uint32_t i = 0; i < mesh->count; i++) {
        if (memcmp(mesh->chosen[i], l->peer, 32) == 0) {
            mesh->chosen_links |= UINT64_C(1) << link;
            return true;
        }
    }
    return false;
}

void mesh_link_down(struct mesh *mesh, uint32_t link)
{
    uint64_t mask = ~(UINT64_C(1) << link);
    mesh->chosen_links &= mask;
    mesh->told_links[0] &= mask;
    mesh->told_links[1] &= mask;
}

void mesh_link_told(struct mesh *mesh, struct ctx *c, const struct overlay *overlay,
                    const struct committee *committee, const uint8_t root[32], uint32_t link)
{
    uint64_t mask = UINT64_C(1) << link;
    if ((mesh->told_links[0] & mask) != 0) {
        return;
    }
    struct node_facts node;
    if (state_node(&node, c->shared, root, overlay_at(overlay, link)->peer) == ERR_OK &&
        committee_find(committee, node.owner) != UINT32_MAX) {
        mesh->told_links[0] |= mask;
    }
}
