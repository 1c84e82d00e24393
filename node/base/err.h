/* One error type for the whole project. 0 is success. A peer's or a disk's fault is returned and
 * traced, never aborts; a reached limit is ERR_FULL and is counted; our own bug is invariant(). */
#ifndef ORRERY_BASE_ERR_H
#define ORRERY_BASE_ERR_H

#define ERR_LIST(X)                                                                                \
    X(OK, "ok")                                                                                    \
    X(FULL, "a limit is reached")                                                                  \
    X(TRUNCATED, "input ends early")                                                               \
    X(TRAILING, "bytes after the end")                                                             \
    X(NONCANONICAL, "encoding is not the canonical one")                                           \
    X(RANGE, "value out of range")                                                                 \
    X(SYNTAX, "syntax error")                                                                      \
    X(INVALID, "breaks a protocol rule")                                                           \
    X(SIGNATURE, "signature or proof does not verify")                                             \
    X(UNKNOWN, "refers to something not known here")                                               \
    X(NOT_FOUND, "not found")                                                                      \
    X(DUPLICATE, "already present")                                                                \
    X(STALE, "too old")                                                                            \
    X(EARLY, "too early")                                                                          \
    X(NONCE, "nonce is not the next")                                                              \
    X(BALANCE, "balance too small")                                                                \
    X(FEE, "fee too small")                                                                        \
    X(EXPIRED, "expired")                                                                          \
    X(VERSION, "version not supported")                                                            \
    X(NETWORK, "another network")                                                                  \
    X(CORRUPT, "stored data is damaged")                                                           \
    X(IO, "input or output failed")                                                                \
    X(NO_SPACE, "no space left")                                                                   \
    X(NO_MEMORY, "out of memory")                                                                  \
    X(USAGE, "wrong use")                                                                          \
    X(BUSY, "busy")                                                                                \
    X(INTERRUPTED, "interrupted")

enum err {
#define X(name, text) ERR_##name,
    ERR_LIST(X)
#undef X
        ERR_COUNT
};

#define MUST_CHECK __attribute__((warn_unused_result))

/* The English text of err; never NULL. */
const char *err_text(enum err err);

/* Returns from the calling function when the expression is an error. */
#define TRY(expression)                                                                            \
    do {                                                                                           \
        enum err try_err_ = (expression);                                                          \
        if (try_err_ != ERR_OK) {                                                                  \
            return try_err_;                                                                       \
        }                                                                                          \
    } while (0)

#endif
