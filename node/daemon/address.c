#include "node/daemon/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

static bool is_mapped(const struct endpoint *endpoint)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    return memcmp(endpoint->address, mapped, sizeof(mapped)) == 0;
}

const char *endpoint_text(char text[ENDPOINT_TEXT_BYTES], const struct endpoint *endpoint)
{
    char host[INET6_ADDRSTRLEN] = "";

    if (is_mapped(endpoint)) {
        inet_ntop(AF_INET, endpoint->address + 12, host, sizeof(host));
        snprintf(text, ENDPOINT_TEXT_BYTES, "%s:%u", host, endpoint->port);
    } else {
        inet_ntop(AF_INET6, endpoint->address, host, sizeof(host));
        snprintf(text, ENDPOINT_TEXT_BYTES, "[%s]:%u", host, endpoint->port);
    }
    return text;
}

enum err endpoint_parse(struct endpoint *endpoint, const char *text)
{
    char host[INET6_ADDRSTRLEN];
    bool six = text[0] == '[';
    const char *colon = strrchr(text, ':');

    if (colon == NULL || (six && (colon == text || colon[-1] != ']'))) {
        return ERR_SYNTAX;
    }
    const char *first = six ? text + 1 : text;
    size_t len = (size_t)(colon - first) - (six ? 1 : 0);
    if (len >= sizeof(host)) {
        return ERR_SYNTAX;
    }
    memcpy(host, first, len);
    host[len] = 0;
    char *end;
    unsigned long port = strtoul(colon + 1, &end, 10);
    if (colon[1] < '0' || colon[1] > '9' || *end != 0 || port > UINT16_MAX) {
        return ERR_SYNTAX;
    }
    *endpoint = (struct endpoint){.port = (uint16_t)port};
    if (six) {
        return inet_pton(AF_INET6, host, endpoint->address) == 1 ? ERR_OK : ERR_SYNTAX;
    }
    endpoint->address[10] = endpoint->address[11] = 0xff;
    return inet_pton(AF_INET, host, endpoint->address + 12) == 1 ? ERR_OK : ERR_SYNTAX;
}

void endpoint_to_socket(struct sockaddr_storage *out, const struct endpoint *endpoint)
{
    memset(out, 0, sizeof(*out));
    if (is_mapped(endpoint)) {
        struct sockaddr_in *four = (struct sockaddr_in *)(void *)out;
        four->sin_family = AF_INET;
        four->sin_port = htons(endpoint->port);
        memcpy(&four->sin_addr, endpoint->address + 12, 4);
    } else {
        struct sockaddr_in6 *six = (struct sockaddr_in6 *)(void *)out;
        six->sin6_family = AF_INET6;
        six->sin6_port = htons(endpoint->port);
        memcpy(&six->sin6_addr, endpoint->address, 16);
    }
}

bool endpoint_of_socket(struct endpoint *out, const struct sockaddr *address)
{
    *out = (struct endpoint){.port = 0};
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *four = (const struct sockaddr_in *)(const void *)address;
        out->port = ntohs(four->sin_port);
        out->address[10] = out->address[11] = 0xff;
        memcpy(out->address + 12, &four->sin_addr, 4);
        return true;
    }
    if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)(const void *)address;
        out->port = ntohs(six->sin6_port);
        memcpy(out->address, &six->sin6_addr, 16);
        return true;
    }
    return false;
}

uint64_t endpoint_prefix(const struct endpoint *endpoint)
{
    const uint8_t *a = endpoint->address;
    return is_mapped(endpoint) ? 1ull << 32 | (uint64_t)a[12] << 8 | a[13] : 2ull << 32 | load32(a);
}

bool endpoint_local(const struct endpoint *endpoint)
{
    static const uint8_t loopback[16] = {[15] = 1};
    const uint8_t *a = endpoint->address;
    if (is_mapped(endpoint)) {
        const uint8_t *four = a + 12;
        return four[0] == 127 || four[0] == 10 || (four[0] == 172 && (four[1] & 0xf0) == 16) ||
               (four[0] == 192 && four[1] == 168) || (four[0] == 169 && four[1] == 254);
    }
    return memcmp(a, loopback, 16) == 0 || (a[0] & 0xfe) == 0xfc ||
           (a[0] == 0xfe && (a[1] & 0xc0) == 0x80);
}
