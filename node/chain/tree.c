#include "node/chain/tree.h"

#include "node/base/invariant.h"
#include "node/base/rng.h"

static uint32_t bucket_of(const struct tree *tree, const uint8_t id[32])
{
    return (uint32_t)(rng_mix64(load64(id) ^ tree->key) % TREE_BUCKETS);
}

static void empty(struct tree *tree)
{
    memset(tree->bucket, 0, sizeof(tree->bucket));
    tree->used = 0;
    tree->count = 0;
    tree->free = TREE_NONE;
    tree->base = TREE_NONE;
    tree->tip = TREE_NONE;
    tree->below_next = 0;
    tree->below_count = 0;
}

void tree_init(struct tree *tree, struct tree_entry *entries, uint32_t capacity, uint64_t key)
{
    invariant(capacity > 0 && capacity <= TREE_CAPACITY_MAX);
    tree->entries = entries;
    tree->capacity = capacity;
    tree->key = key;
    tree->orders = 0;
    empty(tree);
}

static void release(struct tree_entry *entry, struct shared *shared)
{
    blob_drop(shared, entry->state);
    blob_drop(shared, entry->block);
    entry->state = NULL;
    entry->block = NULL;
}

void tree_clear(struct tree *tree, struct shared *shared)
{
    /* Free slots hold no blobs, so there is no need to tell them apart. */
    for (uint32_t i = 0; i < tree->used; i++) {
        release(&tree->entries[i], shared);
    }
    empty(tree);
}

enum err tree_add(struct tree *tree, uint32_t *index, const struct tree_entry *facts)
{
    uint32_t slot;

    if (tree->free != TREE_NONE) {
        slot = tree->free;
        tree->free = tree->entries[slot].bucket_next;
    } else if (tree->used < tree->capacity) {
        slot = tree->used++;
    } else {
        return ERR_FULL;
    }

    struct tree_entry *entry = &tree->entries[slot];
    uint32_t b = bucket_of(tree, facts->id);

    *entry = *facts;
    entry->order = tree->orders++;
    entry->child = TREE_NONE;
    entry->sibling = TREE_NONE;
    entry->bucket_next = tree->bucket[b] == 0 ? TREE_NONE : tree->bucket[b] - 1u;
    tree->bucket[b] = (uint16_t)(slot + 1);
    tree->count++;
    if (facts->parent == TREE_NONE) {
        invariant(tree->count == 1);
        tree->base = slot;
        tree->tip = slot;
    } else {
        struct tree_entry *parent = &tree->entries[facts->parent];
        entry->sibling = parent->child;
        parent->child = slot;
    }
    *index = slot;
    return ERR_OK;
}

uint32_t tree_find(const struct tree *tree, const uint8_t id[32])
{
    uint32_t b = bucket_of(tree, id);
    uint32_t i = tree->bucket[b] == 0 ? TREE_NONE : tree->bucket[b] - 1u;

    while (i != TREE_NONE && memcmp(tree->entries[i].id, id, 32) != 0) {
        i = tree->entries[i].bucket_next;
    }
    return i;
}

uint32_t tree_ancestor(const struct tree *tree, uint32_t from, uint64_t height)
{
    uint32_t i = from;

    while (i != TREE_NONE && tree->entries[i].height > height) {
        i = tree->entries[i].parent;
    }
    return i != TREE_NONE && tree->entries[i].height == height ? i : TREE_NONE;
}

bool tree_descends(const struct tree *tree, uint32_t index, uint32_t ancestor)
{
    return tree_ancestor(tree, index, tree->entries[ancestor].height) == ancestor;
}

uint32_t tree_fork(const struct tree *tree, uint32_t a, uint32_t b)
{
    const struct tree_entry *e = tree->entries;

    while (a != b) {
        if (e[a].height >= e[b].height) {
            a = e[a].parent;
        } else {
            b = e[b].parent;
        }
        invariant(a != TREE_NONE && b != TREE_NONE);
    }
    return a;
}

uint32_t tree_next(const struct tree *tree, uint32_t root, uint32_t at)
{
    const struct tree_entry *e = tree->entries;

    if (e[at].child != TREE_NONE) {
        return e[at].child;
    }
    while (at != root && e[at].sibling == TREE_NONE) {
        at = e[at].parent;
    }
    return at == root ? TREE_NONE : e[at].sibling;
}

uint32_t tree_best(const struct tree *tree, uint32_t root)
{
    const struct tree_entry *e = tree->entries;
    uint32_t best = root;

    for (uint32_t i = root; i != TREE_NONE; i = tree_next(tree, root, i)) {
        if (e[i].score > e[best].score ||
            (e[i].score == e[best].score && e[i].order < e[best].order)) {
            best = i;
        }
    }
    return best;
}

size_t tree_ancestors(const struct tree *tree, struct ancestor out[RETARGET_WINDOW], uint32_t from)
{
    size_t count = 0;

    for (uint32_t i = from; i != TREE_NONE && count < RETARGET_WINDOW;
         i = tree->entries[i].parent) {
        const struct tree_entry *e = &tree->entries[i];
        out[count++] = (struct ancestor){.height = e->height, .ts_ms = e->ts_ms, .bt = e->bt};
    }
    for (uint32_t i = 0; i < tree->below_count && count < RETARGET_WINDOW; i++) {
        out[count++] = tree->below[(tree->below_next + RETARGET_WINDOW - 1 - i) % RETARGET_WINDOW];
    }
    return count;
}

void tree_below_push(struct tree *tree, const struct ancestor *ancestor)
{
    tree->below[tree->below_next] = *ancestor;
    tree->below_next = (tree->below_next + 1) % RETARGET_WINDOW;
    if (tree->below_count < RETARGET_WINDOW) {
        tree->below_count++;
    }
}

size_t tree_losers(const struct tree *tree, uint32_t *out, uint32_t to)
{
    const struct tree_entry *e = tree->entries;
    size_t count = 0;

    for (uint32_t kept = to; kept != tree->base; kept = e[kept].parent) {
        for (uint32_t rival = e[e[kept].parent].child; rival != TREE_NONE;
             rival = e[rival].sibling) {
            if (rival == kept) {
                continue;
            }
            for (uint32_t i = rival; i != TREE_NONE; i = tree_next(tree, rival, i)) {
                out[count++] = i;
            }
        }
    }
    return count;
}

static void entry_remove(struct tree *tree, struct shared *shared, uint32_t index)
{
    struct tree_entry *entry = &tree->entries[index];
    uint32_t b = bucket_of(tree, entry->id);

    if (tree->bucket[b] == index + 1) {
        tree->bucket[b] = (uint16_t)(entry->bucket_next == TREE_NONE ? 0 : entry->bucket_next + 1);
    } else {
        uint32_t before = tree->bucket[b] - 1u;
        while (tree->entries[before].bucket_next != index) {
            before = tree->entries[before].bucket_next;
        }
        tree->entries[before].bucket_next = entry->bucket_next;
    }
    release(entry, shared);
    memset(entry, 0, sizeof(*entry));
    entry->bucket_next = tree->free;
    tree->free = index;
    tree->count--;
}

void tree_remove(struct tree *tree, struct shared *shared, uint32_t leaf)
{
    struct tree_entry *e = tree->entries;

    invariant(leaf != tree->base && leaf != tree->tip && e[leaf].child == TREE_NONE);
    uint32_t *at = &e[e[leaf].parent].child;
    while (*at != leaf) {
        at = &e[*at].sibling;
    }
    *at = e[leaf].sibling;
    entry_remove(tree, shared, leaf);
}

void tree_rebase(struct tree *tree, struct shared *shared, uint32_t to, const uint32_t *losers,
                 size_t count)
{
    struct tree_entry *e = tree->entries;

    /* The chain from the base to `to`, turned into child links while the losers still stand. */
    for (uint32_t kept = to; kept != tree->base; kept = e[kept].parent) {
        e[e[kept].parent].child = kept;
    }
    for (size_t i = 0; i < count; i++) {
        entry_remove(tree, shared, losers[i]);
    }
    while (tree->base != to) {
        const struct tree_entry *old = &e[tree->base];
        struct ancestor passed = {.height = old->height, .ts_ms = old->ts_ms, .bt = old->bt};
        uint32_t above = old->child;

        tree_below_push(tree, &passed);
        entry_remove(tree, shared, tree->base);
        tree->base = above;
    }
    e[to].parent = TREE_NONE;
    e[to].sibling = TREE_NONE;
    invariant(e[tree->tip].state != NULL); /* it was not cut away */
}
