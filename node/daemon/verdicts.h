/* What became of transactions that did not make it: refused by the pool, or gone from it without a
 * block. Kept for ten minutes and at most VERDICTS_MAX of them, so that a flood of invalid
 * transactions takes no more memory than this. */
#ifndef ORRERY_DAEMON_VERDICTS_H
#define ORRERY_DAEMON_VERDICTS_H

#include "node/base/bytes.h"
#include "node/base/err.h"

enum { VERDICTS_MAX = 4096 };
#define VERDICT_LIFE_NS UINT64_C(600000000000)

struct verdicts;

struct verdicts *verdicts_new(uint64_t seed); /* NULL: no memory */
void verdicts_free(struct verdicts *verdicts);
/* The newest verdict counts; the oldest one makes room. */
void verdicts_add(struct verdicts *verdicts, const uint8_t tx[32], enum err err, uint64_t now_ns);
/* ERR_OK: none is known. */
enum err verdicts_get(const struct verdicts *verdicts, const uint8_t tx[32], uint64_t now_ns);
/* How many are held now, after the old ones have gone. */
size_t verdicts_count(struct verdicts *verdicts, uint64_t now_ns);

#endif
