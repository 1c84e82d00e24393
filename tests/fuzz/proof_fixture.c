#include "tests/fuzz/proof_fixture.h"

#include <gmp.h>
#include <stdlib.h>

#include "node/base/invariant.h"
#include "tests/support/safe_primes.h"

enum { FILE_BYTES = 5000, MAC_SECTORS = 8, RSA_BLOCK = 512, BYTES = 32 * FIXTURE_NODES };

static uint8_t *bytes_new(size_t len)
{
    uint8_t *p = calloc(1, len);
    invariant(p != NULL);
    return p;
}

static void replica_make(struct fixture *f)
{
    struct porep_replica *r = &f->replica;
    invariant(profile_find(&r->profile, "test-tiny") == ERR_OK);
    r->commitment.nodes = FIXTURE_NODES;
    uint8_t *layers[TREE_PARTS_MAX], *replica = bytes_new(BYTES), *data = bytes_new(BYTES);
    for (uint32_t l = 0; l < r->profile.layers; l++) {
        layers[l] = bytes_new(BYTES);
    }
    r->tree_d.nodes = bytes_new(tree_bytes(FIXTURE_NODES, 0));
    r->tree_c.nodes = bytes_new(tree_bytes(FIXTURE_NODES, 0));
    r->tree_r.nodes = bytes_new(tree_bytes(FIXTURE_NODES, 0));
    invariant(porep_seal(f->engine, r, layers, replica, NULL, NULL) == ERR_OK);
    invariant(porep_prove(f->engine, f->porep, sizeof f->porep, &f->porep_len, r, f->seed,
                          FIXTURE_CHALLENGES, f->scratch) == ERR_OK);

    struct update_replica u = {.old = &r->commitment, .data = data, .key = replica};
    uint8_t *encoded = bytes_new(BYTES);
    memset(data, 0x5c, BYTES);
    u.replica = encoded;
    u.tree_key = u.tree_data = u.tree_replica = r->tree_r;
    u.tree_data.nodes = bytes_new(tree_bytes(FIXTURE_NODES, 0));
    u.tree_replica.nodes = bytes_new(tree_bytes(FIXTURE_NODES, 0));
    struct tree_source s = porep_source_nodes(data, FIXTURE_NODES);
    tree_build(f->engine, &u.tree_data, &s);
    memcpy(u.commitment.comm_d, tree_root(&u.tree_data), 32);
    update_encode(f->engine, u.old, u.commitment.comm_d, encoded, replica, data, 0, FIXTURE_NODES);
    s = porep_source_nodes(encoded, FIXTURE_NODES);
    tree_build(f->engine, &u.tree_replica, &s);
    memcpy(u.commitment.comm_r_last, tree_root(&u.tree_replica), 32);
    f->update = u.commitment;
    invariant(update_prove(f->engine, f->updated, sizeof f->updated, &f->updated_len, &u, f->seed,
                           FIXTURE_CHALLENGES, f->scratch) == ERR_OK);
    free(data);
    free(encoded);
    free(u.tree_data.nodes);
    free(u.tree_replica.nodes);
}

static void rsa_wire(uint8_t wire[514])
{
    mpz_t z;
    mpz_init(z);
    wire[1] = 8;
    mpz_set_str(z, p1024, 16);
    mpz_export(wire + 2, NULL, -1, 1, 0, 0, z);
    mpz_set_str(z, q1024, 16);
    mpz_export(wire + 130, NULL, -1, 1, 0, 0, z);
    mpz_clear(z);
    wire[258] = 4;
}

static void pdp_make(struct fixture *f)
{
    static uint8_t data[FILE_BYTES], nodes[1 << 14], mac_tags[1 << 12], rsa_tags[1 << 13];
    static u128 alpha[MAC_SECTORS];
    static struct rsa_secret rsa;
    struct pdp_host host[3];
    struct pdp_file file = {data, FILE_BYTES};
    for (int i = 0; i < FILE_BYTES; i++) {
        data[i] = (uint8_t)(i * 7);
    }
    memset(host, 0, sizeof host);
    for (int i = 0; i < 3; i++) {
        f->verifier[i].scheme = host[i].scheme = (enum pdp_scheme)(PDP_MERKLE_SPOT + i);
    }
    host[0].merkle.tree.nodes = nodes;
    pdp_merkle_commit(f->engine, &host[0].merkle, &f->verifier[0].merkle, file, 64);

    struct pdp_mac_verifier *mac = &f->verifier[1].mac;
    invariant(pdp_mac_key_init(&mac->key, alpha, MAC_SECTORS, f->seed) == ERR_OK);
    mac->len = FILE_BYTES;
    uint64_t blocks = pdp_blocks(FILE_BYTES, pdp_mac_block_bytes(MAC_SECTORS));
    pdp_mac_tag(&mac->key, mac_tags, mac->name, file, 0, blocks);
    host[1].mac = (struct pdp_mac_host){MAC_SECTORS, mac_tags};

    rsa_wire(f->rsa_secret);
    invariant(rsa_secret_decode(&rsa, f->rsa_secret, 514) == ERR_OK);
    rsa_public_encode(f->rsa_public, &rsa.pub);
    f->verifier[2].rsa =
        (struct pdp_rsa_verifier){.key = rsa.pub, .len = FILE_BYTES, .block_bytes = RSA_BLOCK};
    pdp_rsa_tag(&rsa, NULL, rsa_tags, f->verifier[2].rsa.name, file, RSA_BLOCK, 0,
                pdp_blocks(FILE_BYTES, RSA_BLOCK));
    host[2].rsa = (struct pdp_rsa_host){rsa.pub, RSA_BLOCK, rsa_tags};
    for (int i = 0; i < 3; i++) {
        invariant(pdp_prove(f->engine, f->pdp[i], FIXTURE_PROOF_MAX, &f->pdp_len[i], &host[i], file,
                            &f->challenge, f->scratch) == ERR_OK);
    }
    uint8_t g_s[RSA_BYTES_MAX];
    pdp_rsa_hide(g_s, &rsa.pub, f->secret, f->scratch);
    invariant(pdp_rsa_prove_hidden(f->hidden, sizeof f->hidden, &f->hidden_len, &host[2].rsa, file,
                                   &f->challenge, g_s, f->scratch) == ERR_OK);
}

const struct fixture *fixture_get(void)
{
    static struct fixture *made;
    if (made == NULL) {
        struct fixture *f = (struct fixture *)(void *)bytes_new(sizeof *f);
        f->engine = sha256_engine_best();
        f->seed[0] = 1;
        f->secret[0] = 2;
        f->challenge = (struct pdp_challenge){.seed = {3}, .count = 5};
        f->scratch.len = 1 << 22;
        f->scratch.data = aligned_alloc(64, f->scratch.len);
        invariant(f->scratch.data != NULL);
        replica_make(f);
        pdp_make(f);
        made = f;
    }
    return made;
}
