/* Start-up of the cryptographic libraries. */
#ifndef ORRERY_CRYPTO_CRYPTO_H
#define ORRERY_CRYPTO_CRYPTO_H

#include "node/base/err.h"

/* Prepares libsodium and checks that the libraries compute what the protocol's rules need: known
 * answers for SHA3-256, BLAKE2b, Ed25519 and the VRF, and that points with a component of small
 * order are refused (CVE-2025-69277: an unpatched libsodium accepts some, which would split the
 * network). A host calls it once, before anything else in node/, and stops on an error.
 * ERR_INVALID: a library is broken or unpatched. May be called again and from any thread. */
MUST_CHECK enum err crypto_self_test(void);

#endif
