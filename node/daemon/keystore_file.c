/* Keystores on disk. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/crypto/secret.h"
#include "node/daemon/keystore.h"

static enum err say(char message[KEYSTORE_MESSAGE_BYTES], enum err err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static enum err say(char message[KEYSTORE_MESSAGE_BYTES], enum err err, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(message, KEYSTORE_MESSAGE_BYTES, format, arguments);
    va_end(arguments);
    return err;
}

enum err keystore_random(uint8_t *out, size_t len)
{
    return getrandom(out, len, 0) == (ssize_t)len ? ERR_OK : ERR_IO;
}

enum err keystore_make_node(struct keystore *keystore, bool account)
{
    keystore->count = 0;
    for (enum keystore_kind kind = KEYSTORE_NODE;
         kind <= (account ? KEYSTORE_ACCOUNT : KEYSTORE_TRANSPORT); kind++) {
        uint8_t seed[32];
        TRY(keystore_random(seed, sizeof(seed)));
        TRY(keystore_add(keystore, kind, "", seed));
        secret_wipe(seed, sizeof(seed));
    }
    return ERR_OK;
}

static const char *why_text(enum err err)
{
    switch (err) {
    case ERR_SIGNATURE:
        return "the passphrase is wrong, or the file was changed";
    case ERR_USAGE:
        return "it is sealed: a passphrase is needed";
    case ERR_VERSION:
        return "a keystore of another version";
    case ERR_NO_MEMORY:
        return "not enough memory to open it";
    default:
        return "not a keystore, or damaged";
    }
}

enum err keystore_read(struct keystore *keystore, int file, const char *path,
                       struct span passphrase, char message[KEYSTORE_MESSAGE_BYTES])
{
    uint8_t bytes[KEYSTORE_BYTES_MAX + 1];
    struct stat info;
    size_t len = 0;
    ssize_t got = 1;

    if (fstat(file, &info) != 0 || !S_ISREG(info.st_mode)) {
        return say(message, ERR_IO, "%s: not a file", path);
    }
    if ((info.st_mode & 077) != 0) {
        return say(message, ERR_USAGE,
                   "%s: others may read it (mode %03o): chmod 600 and think about who did", path,
                   (unsigned)(info.st_mode & 0777));
    }
    while (len < sizeof(bytes) && got > 0) {
        got = pread(file, bytes + len, sizeof(bytes) - len, (off_t)len);
        len += got > 0 ? (size_t)got : 0;
    }
    if (got < 0) {
        return say(message, ERR_IO, "%s: %s", path, strerror(errno));
    }
    enum err err = keystore_decode(keystore, span_of(bytes, len), passphrase);
    secret_wipe(bytes, sizeof(bytes));
    return err == ERR_OK ? ERR_OK : say(message, err, "%s: %s", path, why_text(err));
}

enum err keystore_load(struct keystore *keystore, const char *path, struct span passphrase,
                       char message[KEYSTORE_MESSAGE_BYTES])
{
    int file = open(path, O_RDONLY | O_CLOEXEC);

    if (file < 0) {
        return say(message, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: %s", path,
                   strerror(errno));
    }
    enum err err = keystore_read(keystore, file, path, passphrase, message);
    close(file);
    return err;
}

static enum err bytes_write(const char *path, const uint8_t *bytes, size_t len, char *message)
{
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (file < 0) {
        return say(message, ERR_IO, "%s: %s", path, strerror(errno));
    }
    bool good =
        fchmod(file, 0600) == 0 && write(file, bytes, len) == (ssize_t)len && fsync(file) == 0;
    enum err err = good              ? ERR_OK
                   : errno == ENOSPC ? say(message, ERR_NO_SPACE, "%s: %s", path, strerror(errno))
                                     : say(message, ERR_IO, "%s: %s", path, strerror(errno));
    close(file);
    return err;
}

/* The file gets its name, at once or not at all. Where another may not go, a link is refused when
 * there is one; file systems without links have no such word. */
static enum err file_place(const char *fresh, const char *path, bool replace, char *message)
{
    if (!replace) {
        if (link(fresh, path) == 0) {
            (void)unlink(fresh);
            return ERR_OK;
        }
        if (errno == EEXIST) {
            return say(message, ERR_DUPLICATE, "%s: is there already", path);
        }
    }
    return rename(fresh, path) == 0 ? ERR_OK
                                    : say(message, ERR_IO, "%s: %s", path, strerror(errno));
}

/* The rename is durable when its folder is. */
static void folder_sync(const char *path)
{
    char folder[4096];
    const char *slash = strrchr(path, '/');

    snprintf(folder, sizeof(folder), "%.*s", slash != NULL ? (int)(slash - path) + 1 : 1,
             slash != NULL ? path : ".");
    int file = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file >= 0) {
        (void)fsync(file);
        close(file);
    }
}

enum err keystore_save(const struct keystore *keystore, const char *path, struct span passphrase,
                       bool replace, char message[KEYSTORE_MESSAGE_BYTES])
{
    uint8_t bytes[KEYSTORE_BYTES_MAX];
    char fresh[4096];
    size_t len;

    if (!replace && access(path, F_OK) == 0) {
        return say(message, ERR_DUPLICATE, "%s: is there already", path);
    }
    if ((size_t)snprintf(fresh, sizeof(fresh), "%s.%ld.new", path, (long)getpid()) >=
        sizeof(fresh)) {
        return say(message, ERR_RANGE, "the path is too long");
    }
    enum err err = keystore_encode(bytes, &len, keystore, passphrase, keystore_cost);
    if (err != ERR_OK) {
        return say(message, err, "%s: %s", path, err_text(err));
    }
    err = bytes_write(fresh, bytes, len, message);
    secret_wipe(bytes, sizeof(bytes));
    if (err == ERR_OK) {
        err = file_place(fresh, path, replace, message);
    }
    if (err != ERR_OK) {
        (void)unlink(fresh);
        return err;
    }
    folder_sync(path);
    return ERR_OK;
}
