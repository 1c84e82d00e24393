#include "node/chain/record.h"

void node_record_read(struct node_record *record, struct reader *r)
{
    const uint8_t *start = r->at;
    record->node_id = reader_raw(r, 32);
    record->endpoints = reader_list(r, ENDPOINT_BYTES, RECORD_ENDPOINTS_MAX);
    record->onion = reader_raw(r, 32);
    record->vrf = reader_raw(r, 32);
    record->roles = reader_u32(r);
    record->metadata = reader_raw(r, 32);
    if (r->err == ERR_OK &&
        (record->endpoints.count == 0 || (record->roles & ~(uint32_t)ROLES_KNOWN) != 0)) {
        reader_fail(r, ERR_RANGE);
    }
    record->bytes = span_of(start, r->err == ERR_OK ? (size_t)(r->at - start) : 0);
}

enum err node_record_decode(struct node_record *record, struct span bytes)
{
    struct reader r;
    reader_init(&r, bytes);
    node_record_read(record, &r);
    return reader_end(&r);
}

void node_record_write(struct writer *w, const struct node_record *record)
{
    writer_raw(w, record->node_id, 32);
    writer_list(w, record->endpoints, ENDPOINT_BYTES, RECORD_ENDPOINTS_MAX);
    writer_raw(w, record->onion, 32);
    writer_raw(w, record->vrf, 32);
    writer_u32(w, record->roles);
    writer_raw(w, record->metadata, 32);
}
