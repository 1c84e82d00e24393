#include "node/chain/offences.h"

#include "node/base/invariant.h"
#include "node/crypto/hash.h"

/* False when this offence was found before. */
static bool remember(struct offences *offences, enum evidence_kind kind, const uint8_t key[32],
                     uint64_t when)
{
    uint8_t parts[48] = {0};
    uint8_t digest[32];
    memcpy(parts, key, 32);
    store64(parts + 32, when);
    parts[40] = (uint8_t)kind;
    hash256(digest, parts, sizeof(parts));
    uint64_t mark = load64(digest) | 1; /* 0: an empty place */
    for (uint32_t i = 0; i < OFFENCES_SEEN && offences->seen[i] != 0; i++) {
        if (offences->seen[i] == mark) {
            return false;
        }
    }
    offences->seen[offences->seen_at++ % OFFENCES_SEEN] = mark;
    return true;
}

static void add(struct offences *offences, struct ctx *c, enum evidence_kind kind,
                const uint8_t key[32], uint64_t when, struct span a, struct span b)
{
    if (offences->count == OFFENCES_MAX) {
        ctx_trace(c, TRACE_limit_reached, LIMIT_OFFENCES_MAX, OFFENCES_MAX);
        return; /* others find it too */
    }
    if (!remember(offences, kind, key, when)) {
        return;
    }
    struct offence *o = &offences->list[(offences->first + offences->count++) % OFFENCES_MAX];
    struct span first;
    struct span second;
    evidence_order(&first, &second, (uint8_t)kind, a, b);
    struct writer w;
    size_t len;
    writer_init(&w, o->body, sizeof(o->body));
    writer_u8(&w, (uint8_t)kind);
    writer_bytes(&w, first, 512);
    writer_bytes(&w, second, 512);
    invariant(writer_end(&w, &len) == ERR_OK);
    o->len = (uint16_t)len;
    ctx_trace(c, TRACE_evidence_found, kind, load64(key), when);
}

void offences_add_votes(struct offences *offences, struct ctx *c, enum evidence_kind kind,
                        const uint8_t key[32], const struct vote *a, const struct vote *b)
{
    uint8_t signed_a[SIGNED_VOTE_BYTES];
    uint8_t signed_b[SIGNED_VOTE_BYTES];
    signed_vote_encode(signed_a, a, key);
    signed_vote_encode(signed_b, b, key);
    add(offences, c, kind, key, a->instance, span_of(signed_a, SIGNED_VOTE_BYTES),
        span_of(signed_b, SIGNED_VOTE_BYTES));
}

void offences_add_headers(struct offences *offences, struct ctx *c, const uint8_t a[HEADER_BYTES],
                          const uint8_t b[HEADER_BYTES])
{
    struct header ha;
    struct header hb;
    if (header_decode(&ha, span_of(a, HEADER_BYTES)) != ERR_OK ||
        header_decode(&hb, span_of(b, HEADER_BYTES)) != ERR_OK || ha.height != hb.height ||
        memcmp(ha.signer, hb.signer, 32) != 0 || memcmp(a, b, HEADER_SIGNED_BYTES) == 0) {
        return;
    }
    add(offences, c, EVIDENCE_H, ha.signer, ha.height, span_of(a, HEADER_BYTES),
        span_of(b, HEADER_BYTES));
}

void offences_add_decisions(struct offences *offences, struct ctx *c,
                            const struct committee *committee, struct span a, struct span b)
{
    struct certificate_walk walk_a;
    struct vote vote_a;
    certificate_walk_begin(&walk_a, a);
    while (certificate_walk_next(&walk_a, &vote_a)) {
        struct certificate_walk walk_b;
        struct vote vote_b;
        enum evidence_kind kind;
        certificate_walk_begin(&walk_b, b);
        while (certificate_walk_next(&walk_b, &vote_b)) {
            if (vote_a.voter == vote_b.voter &&
                evidence_classify(&kind, &vote_a, &vote_b) == ERR_OK) {
                offences_add_votes(offences, c, kind, committee_key(committee, vote_a.voter),
                                   &vote_a, &vote_b);
            }
        }
    }
}

bool offences_next(struct offences *offences, struct span *body)
{
    if (offences->count == 0) {
        return false;
    }
    const struct offence *o = &offences->list[offences->first];
    *body = span_of(o->body, o->len);
    offences->first = (offences->first + 1) % OFFENCES_MAX;
    offences->count--;
    return true;
}
