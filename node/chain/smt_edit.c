#include "node/chain/smt_edit.h"

#include "node/base/invariant.h"

#define CHANGES_FIRST 32u
#define JOURNAL_FIRST 32u

struct state_edit *state_edit_begin(struct shared *shared, const uint8_t root[32],
                                    struct arena *scratch)
{
    struct state_edit *edit = arena_alloc_zero(scratch, sizeof(*edit));
    if (edit == NULL) {
        return NULL;
    }
    edit->shared = shared;
    edit->scratch = scratch;
    memcpy(edit->root, root, sizeof(edit->root));
    return edit;
}

/* The slot of key: that of its change, or the free one where it belongs. */
static uint32_t *slot_find(const struct state_edit *edit, const uint8_t key[32])
{
    size_t mask = 2 * edit->capacity - 1;
    size_t i = load64(key + 24) & mask; /* keys are hashes */
    while (edit->slots[i] != 0 && memcmp(edit->changes[edit->slots[i] - 1].key, key, 32) != 0) {
        i = (i + 1) & mask;
    }
    return &edit->slots[i];
}

static enum err changes_grow(struct state_edit *edit)
{
    size_t capacity = edit->capacity == 0 ? CHANGES_FIRST : 2 * edit->capacity;
    struct smt_change *changes = arena_alloc_array(edit->scratch, capacity, sizeof(*changes));
    uint32_t *slots = arena_alloc_zero(edit->scratch, 2 * capacity * sizeof(*slots));
    if (changes == NULL || slots == NULL || capacity > UINT32_MAX / 2) {
        return ERR_FULL;
    }
    if (edit->count > 0) {
        memcpy(changes, edit->changes, edit->count * sizeof(*changes));
    }
    edit->changes = changes;
    edit->slots = slots;
    edit->capacity = capacity;
    for (size_t i = 0; i < edit->count; i++) {
        *slot_find(edit, changes[i].key) = (uint32_t)(i + 1);
    }
    return ERR_OK;
}

static enum err journal_add(struct state_edit *edit, uint32_t change)
{
    if (edit->journal_count == edit->journal_capacity) {
        size_t capacity = edit->journal_capacity == 0 ? JOURNAL_FIRST : 2 * edit->journal_capacity;
        struct smt_undo *journal = arena_alloc_array(edit->scratch, capacity, sizeof(*journal));
        if (journal == NULL) {
            return ERR_FULL;
        }
        if (edit->journal_count > 0) {
            memcpy(journal, edit->journal, edit->journal_count * sizeof(*journal));
        }
        edit->journal = journal;
        edit->journal_capacity = capacity;
    }
    edit->journal[edit->journal_count++] = (struct smt_undo){.change = change,
                                                             .dirty = edit->changes[change].dirty,
                                                             .value = edit->changes[change].value};
    return ERR_OK;
}

/* The entry of key, read from the tree when it is new. */
static enum err change_find(uint32_t *index, struct state_edit *edit, const uint8_t key[32])
{
    uint32_t *slot = edit->capacity == 0 ? NULL : slot_find(edit, key);
    if (slot != NULL && *slot != 0) {
        *index = *slot - 1;
        return ERR_OK;
    }
    struct span value = span_of(NULL, 0);
    enum err err = state_get(&value, edit->shared, edit->root, key);
    if (err != ERR_OK && err != ERR_NOT_FOUND) {
        return err;
    }
    if (edit->count == edit->capacity) {
        TRY(changes_grow(edit));
        slot = slot_find(edit, key);
    }
    invariant(slot != NULL);
    struct smt_change *change = &edit->changes[edit->count];
    memcpy(change->key, key, sizeof(change->key));
    change->value = value;
    change->dirty = false;
    *index = (uint32_t)edit->count++;
    *slot = *index + 1;
    return ERR_OK;
}

enum err state_edit_get(struct span *value, struct state_edit *edit, const uint8_t key[32])
{
    uint32_t index;
    TRY(change_find(&index, edit, key));
    edit->reads++;
    *value = edit->changes[index].value;
    return value->len == 0 ? ERR_NOT_FOUND : ERR_OK;
}

enum err state_edit_put(struct state_edit *edit, const uint8_t key[32], struct span value)
{
    uint32_t index;
    TRY(change_find(&index, edit, key));
    uint8_t *copy = NULL;
    if (value.len > 0) {
        copy = arena_copy(edit->scratch, value.data, value.len);
        if (copy == NULL) {
            return ERR_FULL;
        }
    }
    TRY(journal_add(edit, index));
    edit->writes++;
    edit->changes[index].value = span_of(copy, value.len);
    edit->changes[index].dirty = true;
    return ERR_OK;
}

size_t state_edit_mark(const struct state_edit *edit)
{
    return edit->journal_count;
}

void state_edit_undo(struct state_edit *edit, size_t mark)
{
    invariant(mark <= edit->journal_count);
    while (edit->journal_count > mark) {
        const struct smt_undo *undo = &edit->journal[--edit->journal_count];
        edit->changes[undo->change].value = undo->value;
        edit->changes[undo->change].dirty = undo->dirty;
    }
}

uint64_t state_edit_reads(const struct state_edit *edit)
{
    return edit->reads;
}

uint64_t state_edit_writes(const struct state_edit *edit)
{
    return edit->writes;
}
