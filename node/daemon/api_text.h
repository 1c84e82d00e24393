/* Numbers, ids and addresses as JSON shows them. */
#ifndef ORRERY_DAEMON_API_TEXT_H
#define ORRERY_DAEMON_API_TEXT_H

#include <jansson.h>

#include "node/base/bytes.h"
#include "node/base/err.h"

/* [lower, higher], each below 2^32. */
json_t *json_u64(uint64_t v);
/* Upper case, no prefix. */
json_t *json_hex(const uint8_t *data, size_t len);
json_t *json_hash(const uint8_t hash[32]);

/* Exactly len bytes from 2 * len digits of either case. ERR_SYNTAX. */
enum err hex_parse(uint8_t *out, size_t len, struct span text) MUST_CHECK;

/* An address is base32 (RFC 4648, no padding) of the account's key and the first 3 bytes of
 * H("xpx/address/1" || network u32 || key): 35 bytes, 56 characters. It names the key itself, so
 * one can pay to an address that the chain has never seen. */
#define ADDRESS_CHARS 56
void address_make(char text[ADDRESS_CHARS + 1], uint32_t network, const uint8_t key[32]);
/* Lower case and dashes are accepted. ERR_SYNTAX: no address; ERR_NETWORK: its checksum is wrong,
 * by a slip or because it belongs to another network. */
enum err address_parse(uint8_t key[32], uint32_t network, struct span text) MUST_CHECK;

/* "XPX", "sirius2018": the failure a client of the Catapult family would see
 * (Failure_<Facility>_<Reason>); "Success" for ERR_OK. */
const char *failure_text(enum err err);

#endif
