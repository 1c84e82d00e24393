/* The address book: who could be dialed. */
#include "node/chain/overlay_private.h"
#include "node/wire/frames.h"

#define PREFIX_LINKS_MAX 32 /* spec: stream 3 */

bool id_is_zero(const uint8_t id[32])
{
    static const uint8_t zero[32];
    return memcmp(id, zero, sizeof(zero)) == 0;
}

struct book_entry *book_find(struct book *book, const uint8_t node_id[32])
{
    uint64_t head = load64(node_id);
    for (uint32_t i = 0; i < book->count; i++) {
        struct book_entry *entry = &book->entries[i];
        if (load64(entry->node_id) == head && memcmp(entry->node_id, node_id, 32) == 0) {
            return entry;
        }
    }
    return NULL;
}

static struct book_entry *seed_by_endpoint(struct book *book, const struct endpoint *endpoint)
{
    for (uint32_t i = 0; i < book->count; i++) {
        struct book_entry *entry = &book->entries[i];
        if (id_is_zero(entry->node_id) && endpoint_equal(&entry->endpoint, endpoint)) {
            return entry;
        }
    }
    return NULL;
}

/* Room for a newcomer: a free slot, else a peer that was only ever heard of. What was linked once
 * and what the operator named is not pushed out by gossip. */
static struct book_entry *book_room(struct book *book, struct ctx *c, uint32_t source)
{
    uint32_t same = 0;
    uint32_t victims = 0;
    for (uint32_t i = 0; i < book->count; i++) {
        same += source != 0 && book->entries[i].source == source;
        victims += book->entries[i].flags == 0;
    }
    if (source != 0 && same >= BOOK_SOURCE_MAX) {
        return NULL;
    }
    if (book->count < BOOK_ENTRIES_MAX) {
        return &book->entries[book->count++];
    }
    if (victims == 0) {
        return NULL;
    }
    uint64_t pick = rng_below(c->rng, victims);
    for (uint32_t i = 0;; i++) {
        if (book->entries[i].flags == 0 && pick-- == 0) {
            return &book->entries[i];
        }
    }
}

void book_add(struct overlay *overlay, struct ctx *c, const uint8_t node_id[32],
              const struct endpoint *endpoint, const uint8_t *from)
{
    struct book *book = &overlay->book;
    bool itself = from != NULL && memcmp(from, node_id, 32) == 0;
    if (endpoint->port == 0 || memcmp(node_id, overlay->node_id, 32) == 0 ||
        (from != NULL && id_is_zero(node_id))) {
        return;
    }
    struct book_entry *entry = book_find(book, node_id);
    if (entry == NULL && itself) {
        entry = seed_by_endpoint(book, endpoint); /* the seed has shown its name */
    } else if (entry != NULL && id_is_zero(node_id)) {
        entry = seed_by_endpoint(book, endpoint);
    }
    if (entry == NULL) {
        uint32_t source = from == NULL || itself ? 0 : load32(from) | 1;
        entry = book_room(book, c, source);
        if (entry == NULL) {
            return;
        }
        *entry = (struct book_entry){.source = source, .flags = from == NULL ? BOOK_SEED : 0};
    } else if (!itself && from != NULL) {
        return;
    }
    memcpy(entry->node_id, node_id, 32);
    entry->endpoint = *endpoint;
    if (overlay->dial_ns > c->mono_ns) {
        overlay->dial_ns = c->mono_ns;
    }
}

static bool book_usable(const struct overlay *overlay, const struct book_entry *entry)
{
    return (entry->flags & BOOK_BUSY) == 0 && !overlay_prefix_full(overlay, &entry->endpoint);
}

struct book_entry *book_pick(struct overlay *overlay, struct ctx *c, uint64_t *next_ns)
{
    struct book *book = &overlay->book;
    uint64_t now = c->mono_ns;
    uint32_t usable = 0;
    *next_ns = DEADLINE_NONE;
    for (uint32_t i = 0; i < book->count; i++) {
        const struct book_entry *entry = &book->entries[i];
        if (!book_usable(overlay, entry)) {
            continue;
        }
        if (entry->next_ns <= now) {
            usable++;
        } else if (entry->next_ns < *next_ns) {
            *next_ns = entry->next_ns;
        }
    }
    if (usable == 0) {
        return NULL;
    }
    uint64_t pick = rng_below(c->rng, usable);
    for (uint32_t i = 0;; i++) {
        struct book_entry *entry = &book->entries[i];
        if (book_usable(overlay, entry) && entry->next_ns <= now && pick-- == 0) {
            return entry;
        }
    }
}

/* A run of entries from a random place: cheap, and over many answers everybody is named. */
size_t book_sample(struct overlay *overlay, struct ctx *c, uint8_t *out, size_t max,
                   const uint8_t to[32])
{
    const struct book *book = &overlay->book;
    size_t count = 0;
    if (book->count == 0) {
        return 0;
    }
    uint32_t at = (uint32_t)rng_below(c->rng, book->count);
    for (uint32_t i = 0; i < book->count && count < max; i++) {
        const struct book_entry *entry = &book->entries[(at + i) % book->count];
        if (id_is_zero(entry->node_id) || memcmp(entry->node_id, to, 32) == 0 ||
            entry->failures > 2) {
            continue;
        }
        uint8_t *item = out + count * FRAME_PEER_BYTES;
        memcpy(item, entry->node_id, 32);
        memcpy(item + 32, entry->endpoint.address, 16);
        item[48] = (uint8_t)(entry->endpoint.port >> 8);
        item[49] = (uint8_t)entry->endpoint.port;
        count++;
    }
    return count;
}

static bool is_v4(const uint8_t address[16])
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    return memcmp(address, mapped, sizeof(mapped)) == 0;
}

/* Loopback, private and link-local ranges (decision 26). */
static bool is_private(const uint8_t address[16])
{
    if (is_v4(address)) {
        const uint8_t *v4 = address + 12;
        return v4[0] == 127 || v4[0] == 10 || (v4[0] == 172 && (v4[1] & 0xf0) == 16) ||
               (v4[0] == 192 && v4[1] == 168) || (v4[0] == 169 && v4[1] == 254);
    }
    static const uint8_t loopback[16] = {[15] = 1};
    return memcmp(address, loopback, sizeof(loopback)) == 0 || (address[0] & 0xfe) == 0xfc ||
           (address[0] == 0xfe && (address[1] & 0xc0) == 0x80);
}

/* A /16 of IPv4, a /32 of IPv6. */
uint64_t overlay_prefix(const struct endpoint *endpoint)
{
    if (is_private(endpoint->address)) {
        return 0;
    }
    return is_v4(endpoint->address) ? 1ull << 32 | load16(endpoint->address + 12)
                                    : 2ull << 32 | load32(endpoint->address);
}

bool overlay_prefix_full(const struct overlay *overlay, const struct endpoint *endpoint)
{
    uint64_t prefix = overlay_prefix(endpoint);
    uint32_t same = 0;
    if (prefix == 0) {
        return false;
    }
    for (uint64_t used = overlay->used; used != 0;) {
        same += overlay->links[mask_take(&used)].prefix == prefix;
    }
    return same >= PREFIX_LINKS_MAX;
}
