#include "node/seam/ctx.h"

#include "node/base/invariant.h"
#include "node/seam/limits.h"

_Static_assert(STEP_EFFECTS == EFFECTS_MAX, "limits.def and seam.h agree");
_Static_assert(BATCH_OPS == WRITE_OPS_MAX, "limits.def and ctx.h agree");

#define OPS_FIRST 8u

/* The next effect, or NULL when the list is full. The last place is kept to say so. */
static struct effect *effect_new(struct ctx *c, enum effect_kind kind)
{
    struct effects *out = c->out;
    if (out->count >= EFFECTS_MAX - 1) {
        if (out->count == EFFECTS_MAX - 1) {
            struct effect *last = &out->list[out->count++];
            *last = (struct effect){
                .kind = EFFECT_TRACE,
                .trace = {.kind = TRACE_limit_reached, .value = {LIMIT_STEP_EFFECTS, EFFECTS_MAX}}};
        }
        return NULL;
    }
    struct effect *effect = &out->list[out->count++];
    effect->kind = kind;
    return effect;
}

static void arena_full(struct ctx *c)
{
    ctx_trace(c, TRACE_limit_reached, LIMIT_STEP_ARENA, c->out->arena.capacity);
}

/* A copy that lives as long as the effects; false when the arena is full. */
static bool bytes_copy(struct ctx *c, struct span *copy, struct span bytes)
{
    if (bytes.len == 0) {
        *copy = span_of(NULL, 0);
        return true;
    }
    const uint8_t *data = arena_copy(&c->out->arena, bytes.data, bytes.len);
    if (data == NULL) {
        arena_full(c);
        return false;
    }
    *copy = span_of(data, bytes.len);
    return true;
}

static uint32_t request_next(struct ctx *c)
{
    uint32_t request = ++*c->next_request;
    if (request == 0) {
        request = ++*c->next_request;
    }
    return request;
}

/* Takes over the caller's reference on frame. */
static void send_owned(struct ctx *c, uint32_t link, const struct blob *frame,
                       uint32_t declared_bytes)
{
    struct effect *effect = effect_new(c, EFFECT_SEND);
    if (effect == NULL) {
        blob_drop(c->shared, frame);
        return;
    }
    effect->send.link = link;
    effect->send.frame = frame;
    effect->send.declared_bytes = declared_bytes;
}

void ctx_send(struct ctx *c, uint32_t link, const struct blob *frame)
{
    ctx_send_declared(c, link, frame, 0);
}

void ctx_send_declared(struct ctx *c, uint32_t link, const struct blob *frame,
                       uint32_t declared_bytes)
{
    invariant(link < LINKS_MAX);
    send_owned(c, link, blob_keep(c->shared, frame), declared_bytes);
}

void ctx_send_bytes(struct ctx *c, uint64_t link_mask, struct span frame)
{
    if (link_mask == 0) {
        return;
    }
    const struct blob *blob = blob_put(c->shared, frame.data, frame.len);
    while (link_mask != 0) {
        ctx_send(c, (uint32_t)__builtin_ctzll(link_mask), blob);
        link_mask &= link_mask - 1;
    }
    blob_drop(c->shared, blob);
}

void ctx_datagram(struct ctx *c, const struct endpoint *to, struct span frame)
{
    invariant(frame.len <= NODE_DATAGRAM_BYTES_MAX);
    struct effect *effect = effect_new(c, EFFECT_DATAGRAM);
    if (effect != NULL) {
        effect->datagram.to = *to;
        effect->datagram.frame = blob_put(c->shared, frame.data, frame.len);
    }
}

uint32_t ctx_connect(struct ctx *c, const struct endpoint *to, const uint8_t peer[32])
{
    uint32_t request = request_next(c);
    struct effect *effect = effect_new(c, EFFECT_CONNECT);
    if (effect != NULL) {
        effect->connect.request = request;
        effect->connect.endpoint = *to;
        memcpy(effect->connect.peer, peer, sizeof(effect->connect.peer));
    }
    return request;
}

void ctx_close(struct ctx *c, uint32_t link)
{
    struct effect *effect = effect_new(c, EFFECT_CLOSE);
    if (effect != NULL) {
        effect->close.link = link;
    }
}

uint32_t ctx_read(struct ctx *c, struct span prefix, struct span from, uint32_t limit,
                  bool backwards)
{
    invariant(prefix.len <= RECORD_KEY_BYTES_MAX && from.len <= RECORD_KEY_BYTES_MAX);
    uint32_t request = request_next(c);
    struct span prefix_copy;
    struct span from_copy;
    if (bytes_copy(c, &prefix_copy, prefix) && bytes_copy(c, &from_copy, from)) {
        struct effect *effect = effect_new(c, EFFECT_READ);
        if (effect != NULL) {
            effect->read.request = request;
            effect->read.prefix = prefix_copy;
            effect->read.from = from_copy;
            effect->read.limit = limit;
            effect->read.backwards = backwards;
        }
    }
    return request;
}

void ctx_write_begin(struct ctx *c, struct write_batch *batch)
{
    (void)c;
    *batch = (struct write_batch){.ops = NULL};
}

/* Room for one more operation: the array doubles whenever its count is a power of two from
 * OPS_FIRST on. A batch that does not fit is our own bug: half a batch must never become durable.
 */
static void op_add(struct ctx *c, struct write_batch *batch, struct span key,
                   const struct blob *value)
{
    size_t count = batch->count;
    invariant(count < WRITE_OPS_MAX && key.len > 0 && key.len <= RECORD_KEY_BYTES_MAX);
    if (count == 0 || (count >= OPS_FIRST && (count & (count - 1)) == 0)) {
        size_t capacity = count == 0 ? OPS_FIRST : 2 * count;
        struct record_op *ops = arena_alloc_array(&c->out->arena, capacity, sizeof(*ops));
        invariant(ops != NULL);
        if (count > 0) {
            memcpy(ops, batch->ops, count * sizeof(*ops));
        }
        batch->ops = ops;
    }
    struct record_op *op = &batch->ops[batch->count++];
    bool copied = bytes_copy(c, &op->key, key);
    invariant(copied);
    op->value = value;
}

void ctx_write_put(struct ctx *c, struct write_batch *batch, struct span key, struct span value)
{
    op_add(c, batch, key, blob_put(c->shared, value.data, value.len));
}

void ctx_write_put_blob(struct ctx *c, struct write_batch *batch, struct span key,
                        const struct blob *value)
{
    op_add(c, batch, key, blob_keep(c->shared, value));
}

void ctx_write_delete(struct ctx *c, struct write_batch *batch, struct span key)
{
    op_add(c, batch, key, NULL);
}

static void write_emit(struct ctx *c, struct write_batch *batch, uint32_t request)
{
    struct effect *effect = effect_new(c, EFFECT_WRITE);
    if (effect == NULL) {
        for (size_t i = 0; i < batch->count; i++) {
            blob_drop(c->shared, batch->ops[i].value);
        }
    } else {
        effect->write.request = request;
        effect->write.ops = batch->ops;
        effect->write.count = batch->count;
    }
    *batch = (struct write_batch){.ops = NULL};
}

uint32_t ctx_write_commit(struct ctx *c, struct write_batch *batch)
{
    uint32_t request = request_next(c);
    write_emit(c, batch, request);
    return request;
}

void ctx_write_commit_quiet(struct ctx *c, struct write_batch *batch)
{
    if (batch->count > 0) {
        write_emit(c, batch, 0);
    }
}

void ctx_reply(struct ctx *c, uint64_t request, enum err err, struct span data)
{
    struct span copy = span_of(NULL, 0);
    if (!bytes_copy(c, &copy, data)) {
        err = ERR_FULL;
    }
    struct effect *effect = effect_new(c, EFFECT_REPLY);
    if (effect != NULL) {
        effect->reply.request = request;
        effect->reply.err = err;
        effect->reply.data = copy;
    }
}

void ctx_trace_values(struct ctx *c, enum trace_kind kind, size_t count, const uint64_t *values)
{
    invariant(count <= TRACE_VALUES_MAX);
    struct effect *effect = effect_new(c, EFFECT_TRACE);
    if (effect != NULL) {
        effect->trace.kind = kind;
        memset(effect->trace.value, 0, sizeof(effect->trace.value));
        memcpy(effect->trace.value, values, count * sizeof(*values));
    }
}
