#include "node/daemon/api_text.h"

#include "node/crypto/hash.h"

json_t *json_u64(uint64_t v)
{
    json_t *pair = json_array();
    (void)json_array_append_new(pair, json_integer((json_int_t)(v & UINT32_MAX)));
    (void)json_array_append_new(pair, json_integer((json_int_t)(v >> 32)));
    return pair;
}

json_t *json_hex(const uint8_t *data, size_t len)
{
    static const char digits[] = "0123456789ABCDEF";
    char small[2 * 96];
    char *text = len <= 96 ? small : malloc(2 * len);
    if (len == 0) {
        return json_string("");
    }
    if (text == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < len; i++) {
        text[2 * i] = digits[data[i] >> 4];
        text[2 * i + 1] = digits[data[i] & 15];
    }
    json_t *json = json_stringn_nocheck(text, 2 * len);
    if (text != small) {
        free(text);
    }
    return json;
}

json_t *json_hash(const uint8_t hash[32])
{
    return json_hex(hash, 32);
}

static int digit(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

enum err hex_parse(uint8_t *out, size_t len, struct span text)
{
    if (text.len != 2 * len) {
        return ERR_SYNTAX;
    }
    for (size_t i = 0; i < len; i++) {
        int high = digit(text.data[2 * i]);
        int low = digit(text.data[2 * i + 1]);
        if (high < 0 || low < 0) {
            return ERR_SYNTAX;
        }
        out[i] = (uint8_t)(high << 4 | low);
    }
    return ERR_OK;
}

static void address_check(uint8_t check[3], uint32_t network, const uint8_t key[32])
{
    uint8_t id[4];
    uint8_t hash[32];
    store32(id, network);
    const struct span parts[] = {SPAN_TEXT("xpx/address/1"), span_of(id, 4), span_of(key, 32)};
    hash256_parts(hash, parts, 3);
    memcpy(check, hash, 3);
}

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

void address_make(char text[ADDRESS_CHARS + 1], uint32_t network, const uint8_t key[32])
{
    uint8_t bytes[35];
    memcpy(bytes, key, 32);
    address_check(bytes + 32, network, key);
    for (size_t group = 0; group < 7; group++) {
        uint64_t v = 0;
        for (size_t i = 0; i < 5; i++) {
            v = v << 8 | bytes[5 * group + i];
        }
        for (size_t i = 0; i < 8; i++) {
            text[8 * group + i] = alphabet[v >> (35 - 5 * i) & 31];
        }
    }
    text[ADDRESS_CHARS] = 0;
}

enum err address_parse(uint8_t key[32], uint32_t network, struct span text)
{
    uint8_t bytes[35];
    uint8_t check[3];
    uint64_t v = 0;
    size_t n = 0;

    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        unsigned five;
        if (c == '-') {
            continue;
        }
        if (c >= '2' && c <= '7') {
            five = c - '2' + 26u;
        } else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') {
            five = (unsigned)(c | 0x20) - 'a';
        } else {
            return ERR_SYNTAX;
        }
        if (n == ADDRESS_CHARS) {
            return ERR_SYNTAX;
        }
        v = v << 5 | five;
        if (++n % 8 == 0) {
            for (size_t k = 0; k < 5; k++) {
                bytes[5 * (n / 8 - 1) + k] = (uint8_t)(v >> (32 - 8 * k));
            }
            v = 0;
        }
    }
    if (n != ADDRESS_CHARS) {
        return ERR_SYNTAX;
    }
    address_check(check, network, bytes);
    if (memcmp(check, bytes + 32, 3) != 0) {
        return ERR_NETWORK;
    }
    memcpy(key, bytes, 32);
    return ERR_OK;
}

const char *failure_text(enum err err)
{
    switch (err) {
    case ERR_OK:
        return "Success";
    case ERR_DUPLICATE:
        return "Failure_Core_Known_Transaction";
    case ERR_FULL:
        return "Failure_Core_Too_Many_Transactions";
    case ERR_FEE:
        return "Failure_Core_Insufficient_Fee";
    case ERR_STALE:
    case ERR_NONCE:
        return "Failure_Core_Used_Nonce";
    case ERR_EXPIRED:
        return "Failure_Core_Past_Deadline";
    case ERR_BALANCE:
        return "Failure_Core_Insufficient_Balance";
    case ERR_SIGNATURE:
        return "Failure_Signature_Not_Verifiable";
    case ERR_NETWORK:
        return "Failure_Core_Wrong_Network";
    case ERR_TRUNCATED:
    case ERR_TRAILING:
    case ERR_NONCANONICAL:
        return "Failure_Core_Malformed_Transaction";
    case ERR_RANGE:
        return "Failure_Core_Value_Out_Of_Range";
    case ERR_INVALID:
    case ERR_UNKNOWN:
    case ERR_NOT_FOUND:
        return "Failure_Core_Invalid_Transaction";
    case ERR_EARLY:
        return "Failure_Core_Too_Early";
    case ERR_BUSY:
        return "Failure_Core_Node_Not_Ready";
    default:
        return "Failure_Core_Internal";
    }
}
