#include "node/proof/profile.h"

#include "node/base/invariant.h"
#include "node/proof/formula.h"

enum { GAP_LIGHT = 1575 };

static const struct profile profiles[] = {
    {.id = PROFILE_SDR_COMPAT,
     .name = "sdr-compat",
     .api = GRAPH_API_1_1,
     .drg_degree = 6,
     .exp_degree = 8,
     .rule = {LABEL_SDR, 1},
     .layers = 11,
     .porep_challenges = 176,
     .porep_challenges_noninteractive = 2253,
     .post_challenges = 66},
    {.id = PROFILE_SDR_LIGHT,
     .name = "sdr-light", /* counts by formula_sdr(GAP_LIGHT) */
     .api = GRAPH_API_1_1,
     .drg_degree = 6,
     .exp_degree = 8,
     .rule = {LABEL_LIGHT, 1}},
    {.id = PROFILE_POS_SDR,
     .name = "pos-sdr",
     .api = GRAPH_API_1_1,
     .drg_degree = 6,
     .exp_degree = 8,
     .rule = {LABEL_LIGHT, 1},
     .layers = 11,
     .porep_challenges = 176,
     .porep_challenges_noninteractive = 2253,
     .post_challenges = 66},
    {.id = PROFILE_POS_RD,
     .name = "pos-rd",
     .api = GRAPH_API_1_1,
     .exp_degree = 40,
     .localised = true,
     .rule = {LABEL_LIGHT, 1},
     .layers = 8,
     .porep_challenges = 176,
     .porep_challenges_noninteractive = 2253,
     .post_challenges = 66},
    {.id = PROFILE_TEST_TINY,
     .name = "test-tiny",
     .api = GRAPH_API_1_1,
     .drg_degree = 6,
     .exp_degree = 8,
     .rule = {LABEL_LIGHT, 1},
     .layers = 2,
     .porep_challenges = 2,
     .porep_challenges_noninteractive = 2,
     .post_challenges = 2},
};

enum err profile_get(struct profile *p, unsigned id)
{
    for (size_t i = 0; i < sizeof profiles / sizeof *profiles; i++) {
        if ((unsigned)profiles[i].id != id) {
            continue;
        }
        *p = profiles[i];
        if (p->id == PROFILE_SDR_LIGHT) {
            struct formula_sdr f;
            TRY(formula_sdr(&f, GAP_LIGHT, 10, 128));
            p->layers = f.layers;
            p->porep_challenges = f.porep_challenges;
            p->porep_challenges_noninteractive = f.porep_challenges_noninteractive;
            p->post_challenges = f.post_challenges;
        }
        invariant(p->layers <= TREE_PARTS_MAX);
        return ERR_OK;
    }
    return ERR_UNKNOWN;
}

enum err profile_find(struct profile *p, const char *name)
{
    for (size_t i = 0; i < sizeof profiles / sizeof *profiles; i++) {
        const char *a = profiles[i].name, *b = name;
        while (*a != 0 && *a == *b) {
            a++;
            b++;
        }
        if (*a == *b) {
            return profile_get(p, profiles[i].id);
        }
    }
    return ERR_UNKNOWN;
}

enum err profile_graph(struct graph *g, const struct profile *p, uint64_t nodes,
                       const uint8_t porep_id[32])
{
    struct graph_config c = {.nodes = nodes,
                             .api = p->api,
                             .drg_degree = p->drg_degree,
                             .exp_degree = p->exp_degree,
                             .localised = p->localised};
    memcpy(c.porep_id, porep_id, 32);
    TRY(graph_init(g, &c));
    return label_rule_check(g, p->rule);
}

uint64_t profile_seal_compressions(const struct profile *p, uint64_t nodes)
{
    struct graph g;
    static const uint8_t any_id[32];
    if (profile_graph(&g, p, nodes, any_id) != ERR_OK) {
        return 0;
    }
    uint64_t per_node = p->localised ? 2 : 0; /* layer 0 */
    for (uint32_t l = 1; l <= p->layers; l++) {
        per_node += label_compressions(&g, p->rule, l);
    }
    return per_node * nodes;
}
