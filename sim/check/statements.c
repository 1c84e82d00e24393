/* What the accountability check remembers: who sits where in the committee of an epoch, which votes
 * were signed in the instances of late, and the newest headers of every account. */
#include <stdlib.h>

#include "node/base/invariant.h"
#include "sim/check/check_private.h"

#define EPOCHS_MAX ((size_t)1 << 20)
#define VOICES_MAX 64 /* different votes of one voter in one instance; more is a flood */
#define BOXES_BYTES_MAX ((size_t)64 << 20)

static void *grown(void *list, size_t old, size_t room, size_t bytes)
{
    uint8_t *more = realloc(list, room * bytes);

    invariant(more != NULL);
    memset(more + old * bytes, 0, (room - old) * bytes);
    return more;
}

/* --- seats --- */

static struct seating *seating_at(struct statements *s, uint64_t epoch)
{
    if (epoch >= EPOCHS_MAX) {
        return NULL;
    }
    if (epoch >= s->epoch_room) {
        size_t room = 2 * (size_t)epoch + 16;
        s->epochs = grown(s->epochs, s->epoch_room, room, sizeof(*s->epochs));
        s->epoch_room = room;
    }
    return &s->epochs[epoch];
}

const struct seating *statements_seating(const struct statements *s, uint64_t epoch)
{
    return epoch < s->epoch_room && s->epochs[epoch].total > 0 ? &s->epochs[epoch] : NULL;
}

bool statements_seat(struct statements *s, uint64_t epoch, uint64_t total, uint32_t seat,
                     uint64_t weight, uint32_t node, uint32_t *other)
{
    struct seating *seating = seating_at(s, epoch);

    if (seating == NULL || seat >= SEATS_MAX) {
        return false;
    }
    seating->disputed |= seating->total != 0 && seating->total != total;
    seating->total = total;
    if (seat >= seating->room) {
        uint32_t room = 2 * seat + 8;
        seating->seats = grown(seating->seats, seating->room, room, sizeof(*seating->seats));
        seating->room = room;
    }
    struct seat_holder *holder = &seating->seats[seat];
    if (holder->nodes[0] != 0) {
        seating->disputed |= holder->weight != weight ||
                             memcmp(s->accounts[holder->nodes[0] - 1], s->accounts[node], 32) != 0;
    }
    holder->weight = weight;
    for (unsigned i = 0; i < SEAT_HOLDERS; i++) {
        if (holder->nodes[i] == node + 1) {
            return false;
        }
        if (holder->nodes[i] == 0) {
            holder->nodes[i] = node + 1;
            *other = holder->nodes[0] - 1;
            return i > 0;
        }
    }
    return false;
}

/* --- votes --- */

static void box_empty(struct statements *s, struct ballot_box *box)
{
    s->box_bytes -= box->room * sizeof(*box->list) + box->voters * sizeof(*box->voices);
    free(box->list);
    free(box->voices);
    *box = (struct ballot_box){0};
}

/* Old instances give way when the boxes are heavy. */
static void boxes_lighten(struct statements *s, uint64_t keep)
{
    while (s->box_bytes > BOXES_BYTES_MAX) {
        struct ballot_box *oldest = NULL;
        for (uint32_t i = 0; i < BALLOT_BOXES; i++) {
            struct ballot_box *box = &s->boxes[i];
            if (box->instance != 0 && box->instance != keep &&
                (oldest == NULL || box->instance < oldest->instance)) {
                oldest = box;
            }
        }
        if (oldest == NULL) {
            return;
        }
        box_empty(s, oldest);
    }
}

struct ballot_box *statements_box(const struct statements *s, uint64_t instance)
{
    struct ballot_box *box = &s->boxes[instance % BALLOT_BOXES];

    return box->instance == instance && instance != 0 ? box : NULL;
}

struct ballot_box *statements_open(struct statements *s, uint64_t instance)
{
    struct ballot_box *box = &s->boxes[instance % BALLOT_BOXES];

    if (instance == 0 || box->instance > instance) {
        return NULL; /* long ago */
    }
    if (box->instance != instance) {
        box_empty(s, box);
        box->instance = instance;
    }
    return box;
}

static bool same(const struct vote *a, const struct vote *b)
{
    return a->kind == b->kind && a->round == b->round && a->jr == b->jr &&
           memcmp(a->value, b->value, 32) == 0;
}

struct voice *statements_vote(struct statements *s, const struct vote *vote)
{
    struct ballot_box *box = statements_open(s, vote->instance);

    if (box == NULL) {
        return NULL;
    }
    if (vote->voter >= box->voters) {
        uint32_t voters = 2U * vote->voter + 8;
        box->voices = grown(box->voices, box->voters, voters, sizeof(*box->voices));
        s->box_bytes += (voters - box->voters) * sizeof(*box->voices);
        box->voters = voters;
    }
    struct voice *voice = &box->voices[vote->voter];
    for (uint32_t at = voice->newest; at != 0; at = box->list[at - 1].before) {
        if (same(&box->list[at - 1].vote, vote)) {
            return NULL;
        }
    }
    if (voice->count == VOICES_MAX) {
        return NULL;
    }
    if (box->count == box->room) {
        uint32_t room = 2 * box->room + 16;
        box->list = grown(box->list, box->room, room, sizeof(*box->list));
        s->box_bytes += (room - box->room) * sizeof(*box->list);
        box->room = room;
        boxes_lighten(s, box->instance);
    }
    box->list[box->count++] = (struct said){.vote = *vote, .before = voice->newest};
    voice->newest = box->count;
    voice->count++;
    s->votes++;
    return voice;
}

/* --- headers --- */

static uint32_t account_place(const struct statements *s, const uint8_t account[32])
{
    uint32_t at = (uint32_t)(load64(account) % s->account_places);

    while (s->places[at] != 0 && memcmp(s->accounts[s->places[at] - 1], account, 32) != 0) {
        at = (at + 1) % s->account_places;
    }
    return at;
}

uint32_t statements_node(const struct statements *s, const uint8_t account[32])
{
    uint32_t found = s->places[account_place(s, account)];

    return found == 0 ? UINT32_MAX : found - 1;
}

const uint8_t *statements_header(struct statements *s, uint32_t node, uint64_t height,
                                 const uint8_t bytes[HEADER_BYTES])
{
    if (s->headers[node] == NULL) {
        s->headers[node] = calloc(1, sizeof(**s->headers));
        invariant(s->headers[node] != NULL);
    }
    struct signed_headers *mine = s->headers[node];
    for (unsigned i = 0; i < HEADERS_KEPT; i++) {
        if (mine->height[i] == height) {
            return mine->bytes[i];
        }
    }
    mine->height[mine->next] = height;
    memcpy(mine->bytes[mine->next], bytes, HEADER_BYTES);
    mine->next = (mine->next + 1) % HEADERS_KEPT;
    s->header_count++;
    return NULL;
}

/* --- life --- */

void statements_begin(struct statements *s, const uint8_t (*accounts)[32], uint32_t nodes)
{
    static const uint8_t none[32];

    s->nodes = nodes;
    s->account_places = 2 * nodes + 1;
    s->accounts = calloc(nodes, sizeof(*s->accounts));
    s->places = calloc(s->account_places, sizeof(*s->places));
    s->headers = calloc(nodes, sizeof(struct signed_headers *));
    s->boxes = calloc(BALLOT_BOXES, sizeof(*s->boxes));
    invariant(s->accounts != NULL && s->places != NULL && s->headers != NULL && s->boxes != NULL);
    for (uint32_t i = 0; i < nodes && accounts != NULL; i++) {
        memcpy(s->accounts[i], accounts[i], 32);
        if (memcmp(accounts[i], none, 32) == 0) {
            continue;
        }
        uint32_t at = account_place(s, accounts[i]);
        if (s->places[at] == 0) { /* of twins the first */
            s->places[at] = i + 1;
        }
    }
}

void statements_end(struct statements *s)
{
    for (uint32_t i = 0; i < BALLOT_BOXES; i++) {
        box_empty(s, &s->boxes[i]);
    }
    for (size_t i = 0; i < s->epoch_room; i++) {
        free(s->epochs[i].seats);
    }
    for (uint32_t i = 0; i < s->nodes; i++) {
        free(s->headers[i]);
    }
    free(s->epochs);
    free(s->boxes);
    free(s->headers);
    free(s->places);
    free(s->accounts);
}
