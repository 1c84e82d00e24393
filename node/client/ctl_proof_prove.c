/* challenge, prove, verify. */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "node/client/ctl_proof.h"

static const char proof_magic[8] = {'x', 'p', 'x', '/', 'c', 'p', 'f', '1'};

bool ctl_challenge_parse(struct ctl_challenge *c, const char *text)
{
    char hex[65] = {0};
    uint64_t count;
    if (strlen(text) < 66 || text[64] != '-') {
        return false;
    }
    memcpy(hex, text, 64);
    if (!ctl_hex(c->seed, 32, hex) || !ctl_u64(&count, text + 65) || count < 1 ||
        count > POREP_CHALLENGES_MAX) {
        return false;
    }
    c->count = (uint32_t)count;
    return true;
}

enum err ctl_challenge_derive(struct ctl_challenge *c, const struct ctl_commitments *k,
                              const uint8_t beacon[32])
{
    static const char domain[] = "xpx/chal/1";
    const struct sha256_engine *e = sha256_engine_best();
    struct porep_commitment first;
    struct profile p;
    uint8_t digest[32];
    TRY(ctl_commitment_get(k, 0, &first));
    TRY(profile_get(&p, first.profile));
    sha256_once(e, digest, k->map.data, k->map.len);
    struct sha256 h;
    sha256_init(&h);
    sha256_update(&h, e, domain, sizeof domain - 1);
    sha256_update(&h, e, beacon, 32);
    sha256_update(&h, e, digest, 32);
    sha256_final(&h, e, c->seed);
    c->count = p.porep_challenges;
    return ERR_OK;
}

void ctl_challenge_sector(uint8_t out[32], const struct ctl_challenge *c, uint64_t sector)
{
    uint8_t msg[40];
    memcpy(msg, c->seed, 32);
    store64(msg + 32, sector);
    sha256_once(sha256_engine_best(), out, msg, sizeof msg);
}

int ctl_proof_challenge(int argc, char **argv)
{
    const char *path, *beacon_text = NULL;
    bool json = false;
    const struct ctl_option options[] = {{"--beacon", &beacon_text, NULL}, {"--json", NULL, &json}};
    char text[80];
    uint8_t beacon[32];
    struct ctl_commitments k;
    struct ctl_challenge c;
    if (!ctl_options(argc, argv, options, 2, &path, 1)) {
        return CTL_FAILED;
    }
    if (beacon_text == NULL || !ctl_hex(beacon, 32, beacon_text)) {
        return ctl_fail("challenge needs --beacon with 64 hex digits");
    }
    enum err err = ctl_commitments_open(&k, path);
    if (err == ERR_OK) {
        err = ctl_challenge_derive(&c, &k, beacon);
    }
    if (err != ERR_OK) {
        return ctl_fail("%s: %s", path, err_text(err));
    }
    ctl_hex_text(text, c.seed, 32);
    (void)snprintf(text + 64, sizeof text - 64, "-%u", c.count);
    ctl_proof_say(json, "challenge", text);
    ctl_map_close(&k.map);
    return CTL_OK;
}

/* Appends to a file through stdio; the first error sticks. */
static enum err put(FILE *f, const void *data, size_t len)
{
    return fwrite(data, 1, len, f) == len ? ERR_OK : ERR_NO_SPACE;
}

struct prover {
    struct ctl_commitments k;
    struct ctl_map replica;
    const char *folder;
    struct ctl_challenge challenge;
    FILE *out;
};

static enum err sector_prove(struct prover *p, uint64_t sector)
{
    const struct sha256_engine *e = sha256_engine_best();
    struct porep_replica r = {0};
    char path[4096];
    uint8_t seed[32], length[8];
    struct ctl_map proving, memory, proof = {.fd = -1};
    TRY(ctl_commitment_get(&p->k, sector, &r.commitment));
    TRY(profile_get(&r.profile, r.commitment.profile));
    TRY(profile_graph(&r.graph, &r.profile, r.commitment.nodes, r.commitment.identity.porep_id));
    if (!ctl_proving_path(path, p->folder, sector)) {
        return ERR_RANGE;
    }
    TRY(ctl_map_read(&proving, path));
    if (proving.len != ctl_proving_bytes(&r.profile, r.commitment.nodes)) {
        ctl_map_close(&proving);
        return ERR_CORRUPT;
    }
    ctl_proving_layout(&r, NULL, proving.data);
    r.replica = p->replica.data + sector * 32 * r.commitment.nodes;
    ctl_challenge_sector(seed, &p->challenge, sector);
    uint32_t count = p->challenge.count;
    enum err err = ctl_map_memory(&memory, porep_scratch_bytes(&r.profile, count));
    struct scratch scratch = {.data = memory.data, .len = memory.len};
    size_t bytes = 0, len = 0;
    if (err == ERR_OK) {
        err = porep_proof_bytes(e, &bytes, &r.commitment, seed, count, scratch);
    }
    if (err == ERR_OK) {
        err = ctl_map_memory(&proof, bytes);
    }
    if (err == ERR_OK) {
        err = porep_prove(e, proof.data, bytes, &len, &r, seed, count, scratch);
    }
    if (err == ERR_OK) {
        store64(length, len);
        err = put(p->out, length, 8);
    }
    if (err == ERR_OK) {
        err = put(p->out, proof.data, len);
    }
    ctl_map_close(&proof);
    ctl_map_close(&memory);
    ctl_map_close(&proving);
    return err;
}

static enum err prove_run(struct prover *p)
{
    uint8_t header[CTL_PROOF_HEADER_BYTES] = {0};
    struct ctl_progress progress;
    memcpy(header, proof_magic, 8);
    memcpy(header + 8, p->challenge.seed, 32);
    store32(header + 40, p->challenge.count);
    store64(header + 48, p->k.sectors);
    TRY(put(p->out, header, sizeof header));
    ctl_progress_start(&progress, "prove", p->k.sectors);
    for (uint64_t s = 0; s < p->k.sectors; s++) {
        TRY(sector_prove(p, s));
        ctl_progress_add(&progress, 1);
    }
    ctl_progress_end(&progress);
    return fflush(p->out) == 0 && fsync(fileno(p->out)) == 0 ? ERR_OK : ERR_NO_SPACE;
}

int ctl_proof_prove(int argc, char **argv)
{
    const char *challenge = NULL, *out = NULL;
    char path[4096], temporary[4096];
    struct prover p = {0};
    bool json = false;
    const struct ctl_option options[] = {
        {"--challenge", &challenge, NULL}, {"-o", &out, NULL}, {"--json", NULL, &json}};
    if (!ctl_options(argc, argv, options, 3, &p.folder, 1)) {
        return CTL_FAILED;
    }
    if (challenge == NULL || out == NULL || !ctl_challenge_parse(&p.challenge, challenge)) {
        return ctl_fail("prove needs --challenge (as printed by challenge) and -o");
    }
    enum err err = ctl_commitments_open(&p.k, p.folder);
    struct porep_commitment first;
    if (err == ERR_OK) {
        err = ctl_commitment_get(&p.k, 0, &first);
    }
    if (err == ERR_OK) {
        err = ctl_path(path, p.folder, "replica") ? ctl_map_read(&p.replica, path) : ERR_RANGE;
    }
    if (err == ERR_OK && p.replica.len != 32 * first.nodes * p.k.sectors) {
        err = ERR_CORRUPT;
    }
    if (err != ERR_OK) {
        return ctl_fail("%s: %s", p.folder, err_text(err));
    }
    if (snprintf(temporary, sizeof temporary, "%s.part", out) >= 4096 ||
        (p.out = fopen(temporary, "wb")) == NULL) {
        return ctl_fail("cannot write %s", out);
    }
    err = prove_run(&p);
    (void)fclose(p.out);
    if (err == ERR_OK && rename(temporary, out) != 0) {
        err = ERR_IO;
    }
    if (err != ERR_OK) {
        (void)unlink(temporary);
        return ctl_fail("proving %s: %s", p.folder, err_text(err));
    }
    if (json) {
        ctl_proof_say(json, "proof", out);
    }
    return CTL_OK;
}

struct verifier {
    struct ctl_commitments k;
    struct ctl_map proof;
    struct ctl_challenge challenge;
    const char *fraud;
    bool json;
};

static void fraud_write(const struct verifier *v, const struct porep_commitment *c,
                        const uint8_t seed[32], const uint8_t *proof, size_t len, uint64_t bad_node,
                        struct scratch scratch)
{
    enum { CAP = 1 << 20 };
    uint8_t *out = malloc(CAP);
    size_t out_len = 0;
    if (out != NULL &&
        porep_fraud_build(sha256_engine_best(), out, CAP, &out_len, c, seed, v->challenge.count,
                          proof, len, bad_node, scratch) == ERR_OK &&
        ctl_file_replace(v->fraud, out, out_len) == ERR_OK) {
        (void)fprintf(v->json ? stderr : stdout,
                      "fraud proof of node %" PRIu64 ": %zu bytes in %s\n", bad_node, out_len,
                      v->fraud);
    }
    free(out);
}

static enum err sector_verify(struct verifier *v, uint64_t sector, uint64_t *at)
{
    struct porep_commitment c;
    struct profile p;
    struct ctl_map memory;
    struct porep_check check;
    uint8_t seed[32];
    if (v->proof.len - *at < 8) {
        return ERR_TRUNCATED;
    }
    uint64_t len = load64(v->proof.data + *at);
    *at += 8;
    if (v->proof.len - *at < len) {
        return ERR_TRUNCATED;
    }
    TRY(ctl_commitment_get(&v->k, sector, &c));
    TRY(profile_get(&p, c.profile));
    TRY(ctl_map_memory(&memory, porep_scratch_bytes(&p, v->challenge.count)));
    struct scratch scratch = {.data = memory.data, .len = memory.len};
    ctl_challenge_sector(seed, &v->challenge, sector);
    const uint8_t *proof = v->proof.data + *at;
    enum err err = porep_verify(sha256_engine_best(), &c, seed, v->challenge.count, proof, len,
                                &check, scratch);
    if (err == ERR_INVALID && v->fraud != NULL) {
        fraud_write(v, &c, seed, proof, len, check.bad_node, scratch);
    }
    *at += len;
    ctl_map_close(&memory);
    return err;
}

static enum err verify_run(struct verifier *v)
{
    uint64_t at = CTL_PROOF_HEADER_BYTES;
    struct ctl_progress progress;
    if (load64(v->proof.data + 48) != v->k.sectors) {
        return ERR_INVALID;
    }
    ctl_progress_start(&progress, "verify", v->k.sectors);
    for (uint64_t s = 0; s < v->k.sectors; s++) {
        enum err err = sector_verify(v, s, &at);
        if (err != ERR_OK) {
            ctl_progress_end(&progress);
            (void)ctl_fail("sector %" PRIu64 ": %s", s, err_text(err));
            return err;
        }
        ctl_progress_add(&progress, 1);
    }
    ctl_progress_end(&progress);
    return at == v->proof.len ? ERR_OK : ERR_TRAILING;
}

/* The challenge the proof answers, and whether it is the one asked. */
static int challenge_check(struct verifier *v, const char *beacon_text, const char *challenge_text)
{
    struct ctl_challenge asked;
    uint8_t beacon[32];
    const uint8_t *d = v->proof.data;
    if (v->proof.len < CTL_PROOF_HEADER_BYTES || memcmp(d, proof_magic, 8) != 0 ||
        load32(d + 44) != 0 || load32(d + 40) < 1 || load32(d + 40) > POREP_CHALLENGES_MAX) {
        (void)ctl_fail("that is no proof");
        return CTL_REFUSED;
    }
    memcpy(v->challenge.seed, d + 8, 32);
    v->challenge.count = load32(d + 40);
    if (beacon_text != NULL) {
        if (!ctl_hex(beacon, 32, beacon_text) ||
            ctl_challenge_derive(&asked, &v->k, beacon) != ERR_OK) {
            return ctl_fail("--beacon is 64 hex digits");
        }
    } else if (challenge_text != NULL) {
        if (!ctl_challenge_parse(&asked, challenge_text)) {
            return ctl_fail("--challenge is what `challenge` prints");
        }
    } else {
        struct porep_commitment first;
        struct profile p;
        if (ctl_commitment_get(&v->k, 0, &first) != ERR_OK ||
            profile_get(&p, first.profile) != ERR_OK || v->challenge.count < p.porep_challenges) {
            (void)ctl_fail("the proof answers fewer challenges than its profile demands");
            return CTL_REFUSED;
        }
        fprintf(stderr, "note: the challenge is taken from the proof; give --beacon to refuse a "
                        "replayed one\n");
        return CTL_OK;
    }
    if (memcmp(asked.seed, v->challenge.seed, 32) != 0 || asked.count != v->challenge.count) {
        (void)ctl_fail("the proof answers another challenge");
        return CTL_REFUSED;
    }
    return CTL_OK;
}

int ctl_proof_verify(int argc, char **argv)
{
    const char *commitment = NULL, *proof = NULL, *beacon = NULL, *challenge = NULL;
    struct verifier v = {0};
    char text[160];
    const struct ctl_option options[] = {
        {"--commitment", &commitment, NULL}, {"--proof", &proof, NULL},
        {"--beacon", &beacon, NULL},         {"--challenge", &challenge, NULL},
        {"--fraud", &v.fraud, NULL},         {"--json", NULL, &v.json}};
    if (!ctl_options(argc, argv, options, sizeof options / sizeof *options, NULL, 0)) {
        return CTL_FAILED;
    }
    if (commitment == NULL || proof == NULL) {
        return ctl_fail("verify needs --commitment and --proof");
    }
    enum err err = ctl_commitments_open(&v.k, commitment);
    if (err != ERR_OK) {
        return ctl_fail("%s: %s", commitment, err_text(err));
    }
    err = ctl_map_read(&v.proof, proof);
    if (err != ERR_OK) {
        return ctl_fail("%s: %s", proof, err_text(err));
    }
    int code = challenge_check(&v, beacon, challenge);
    if (code != CTL_OK) {
        return code;
    }
    err = verify_run(&v);
    if (err != ERR_OK) {
        (void)snprintf(text, sizeof text, v.json ? "%s" : "refused: %s", err_text(err));
        ctl_proof_say(v.json, "refused", text);
        return CTL_REFUSED;
    }
    (void)snprintf(text, sizeof text,
                   "%s%" PRIu64 " bytes in %" PRIu64
                   " sectors, %u challenges each, proof of %" PRIu64 " bytes",
                   v.json ? "" : "ok: ", v.k.file_bytes, v.k.sectors, v.challenge.count,
                   v.proof.len);
    ctl_proof_say(v.json, "ok", text);
    return CTL_OK;
}
