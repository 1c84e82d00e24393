/* Endpoints as sockets and people write them. */
#ifndef ORRERY_DAEMON_ADDRESS_H
#define ORRERY_DAEMON_ADDRESS_H

#include <sys/socket.h>

#include "node/seam/seam.h"

/* "10.0.0.1:7900" or "[::1]:7900". */
#define ENDPOINT_TEXT_BYTES 56
const char *endpoint_text(char text[ENDPOINT_TEXT_BYTES], const struct endpoint *endpoint);
/* The reverse; ERR_SYNTAX. Names are not looked up. */
enum err endpoint_parse(struct endpoint *endpoint, const char *text) MUST_CHECK;

/* IPv4-mapped addresses become IPv4 ones and back. */
void endpoint_to_socket(struct sockaddr_storage *out, const struct endpoint *endpoint);
bool endpoint_of_socket(struct endpoint *out, const struct sockaddr *address);

/* The network by which links are limited: /16 of IPv4, /32 of IPv6; never 0. */
uint64_t endpoint_prefix(const struct endpoint *endpoint);
/* Loopback, link-local and private networks (RFC 1918, 3927, 4193, 4291). */
bool endpoint_local(const struct endpoint *endpoint);

#endif
