#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/client/ctl_proof.h"

static const char commitments_magic[8] = {'x', 'p', 'x', '/', 'c', 'm', 's', '1'};

static enum err from_errno(void)
{
    switch (errno) {
    case ENOENT:
        return ERR_NOT_FOUND;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return ERR_NO_SPACE;
    case ENOMEM:
        return ERR_NO_MEMORY;
    default:
        return ERR_IO;
    }
}

static enum err map(struct ctl_map *m, int protection)
{
    if (m->len == 0) {
        m->data = NULL;
        return ERR_OK;
    }
    void *p = mmap(NULL, m->len, protection, MAP_SHARED, m->fd, 0);
    if (p == MAP_FAILED) {
        return from_errno();
    }
    m->data = p;
    return ERR_OK;
}

enum err ctl_map_read(struct ctl_map *m, const char *path)
{
    struct stat st;
    *m = (struct ctl_map){.fd = open(path, O_RDONLY | O_CLOEXEC)};
    if (m->fd < 0 || fstat(m->fd, &st) != 0) {
        enum err err = from_errno();
        ctl_map_close(m);
        return err;
    }
    if (!S_ISREG(st.st_mode)) {
        ctl_map_close(m);
        return ERR_USAGE;
    }
    m->len = (uint64_t)st.st_size;
    enum err err = map(m, PROT_READ);
    if (err != ERR_OK) {
        ctl_map_close(m);
    }
    return err;
}

enum err ctl_map_write(struct ctl_map *m, const char *path, uint64_t len)
{
    *m = (struct ctl_map){.fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666), .len = len};
    if (m->fd < 0) {
        return from_errno();
    }
    struct stat st;
    enum err err = fstat(m->fd, &st) == 0 ? ERR_OK : from_errno();
    if (err == ERR_OK && (uint64_t)st.st_size > len && ftruncate(m->fd, (off_t)len) != 0) {
        err = from_errno();
    }
    if (err == ERR_OK && len > 0) {
        int code = posix_fallocate(m->fd, 0, (off_t)len);
        errno = code;
        err = code == 0 ? ERR_OK : from_errno();
    }
    if (err == ERR_OK) {
        err = map(m, PROT_READ | PROT_WRITE);
    }
    if (err != ERR_OK) {
        ctl_map_close(m);
    }
    return err;
}

enum err ctl_map_sync(struct ctl_map *m)
{
    if ((m->data != NULL && msync(m->data, m->len, MS_SYNC) != 0) || fsync(m->fd) != 0) {
        return from_errno();
    }
    return ERR_OK;
}

void ctl_map_close(struct ctl_map *m)
{
    if (m->data != NULL) {
        (void)munmap(m->data, m->len);
    }
    if (m->fd >= 0) {
        (void)close(m->fd);
    }
    *m = (struct ctl_map){.fd = -1};
}

enum err ctl_map_memory(struct ctl_map *m, uint64_t len)
{
    void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    *m = (struct ctl_map){.fd = -1};
    if (p == MAP_FAILED) {
        return ERR_NO_MEMORY;
    }
    (void)madvise(p, len, MADV_HUGEPAGE);
    m->data = p;
    m->len = len;
    return ERR_OK;
}

static enum err folder_sync(const char *path)
{
    char copy[4096];
    if (strlen(path) >= sizeof copy) {
        return ERR_RANGE;
    }
    memcpy(copy, path, strlen(path) + 1);
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return from_errno();
    }
    enum err err = fsync(fd) == 0 ? ERR_OK : from_errno();
    (void)close(fd);
    return err;
}

enum err ctl_file_replace(const char *path, const void *data, size_t len)
{
    char temporary[4096];
    if (snprintf(temporary, sizeof temporary, "%s.new", path) >= (int)sizeof temporary) {
        return ERR_RANGE;
    }
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) {
        return from_errno();
    }
    const uint8_t *at = data;
    enum err err = ERR_OK;
    while (len > 0 && err == ERR_OK) {
        ssize_t n = write(fd, at, len);
        if (n > 0) {
            at += n;
            len -= (size_t)n;
        } else if (n == 0 || errno != EINTR) {
            err = n == 0 ? ERR_IO : from_errno();
        }
    }
    if (err == ERR_OK && fsync(fd) != 0) {
        err = from_errno();
    }
    (void)close(fd);
    if (err == ERR_OK && rename(temporary, path) != 0) {
        err = from_errno();
    }
    if (err != ERR_OK) {
        (void)unlink(temporary);
        return err;
    }
    return folder_sync(path);
}

bool ctl_path(char out[4096], const char *folder, const char *name)
{
    return snprintf(out, 4096, "%s/%s", folder, name) < 4096;
}

bool ctl_proving_path(char out[4096], const char *folder, uint64_t sector)
{
    return snprintf(out, 4096, "%s/proving-%06llu", folder, (unsigned long long)sector) < 4096;
}

enum err ctl_commitments_open(struct ctl_commitments *c, const char *path)
{
    char inside[4096];
    enum err err = ctl_map_read(&c->map, path);
    if (err == ERR_USAGE && ctl_path(inside, path, "commitment")) {
        err = ctl_map_read(&c->map, inside);
    }
    TRY(err);
    const uint8_t *d = c->map.data;
    err = ERR_OK;
    if (c->map.len < CTL_HEADER_BYTES || memcmp(d, commitments_magic, 8) != 0) {
        err = ERR_VERSION;
    } else {
        c->file_bytes = load64(d + 8);
        c->sectors = load64(d + 16);
        if (c->sectors < 1 || c->sectors > CTL_SECTORS_MAX ||
            c->map.len != CTL_HEADER_BYTES + c->sectors * POREP_COMMITMENT_BYTES) {
            err = ERR_CORRUPT;
        }
    }
    struct porep_commitment first, each;
    for (uint64_t s = 0; s < c->sectors && err == ERR_OK; s++) {
        err = ctl_commitment_get(c, s, &each);
        if (s == 0) {
            first = each;
        }
        if (err == ERR_OK && (each.nodes != first.nodes || each.profile != first.profile)) {
            err = ERR_CORRUPT;
        }
    }
    if (err == ERR_OK && (c->file_bytes > 32 * first.nodes * c->sectors)) {
        err = ERR_CORRUPT;
    }
    if (err != ERR_OK) {
        ctl_map_close(&c->map);
    }
    return err;
}

enum err ctl_commitment_get(const struct ctl_commitments *c, uint64_t sector,
                            struct porep_commitment *out)
{
    return porep_commitment_decode(sha256_engine_best(), out,
                                   c->map.data + CTL_HEADER_BYTES + sector * POREP_COMMITMENT_BYTES,
                                   POREP_COMMITMENT_BYTES);
}

static uint64_t page_up(uint64_t bytes)
{
    return (bytes + 4095) & ~(uint64_t)4095;
}

uint64_t ctl_proving_bytes(const struct profile *p, uint64_t nodes)
{
    return page_up(p->layers * 32 * nodes) + page_up(tree_bytes(nodes, 0)) +
           2 * page_up(tree_bytes(nodes, CTL_DISCARD));
}

void ctl_proving_layout(struct porep_replica *r, uint8_t **layers, uint8_t *data)
{
    uint64_t nodes = r->commitment.nodes;
    for (uint32_t l = 0; l < r->profile.layers; l++) {
        r->layers[l] = data + l * 32 * nodes;
        if (layers != NULL) {
            layers[l] = data + l * 32 * nodes;
        }
    }
    data += page_up(r->profile.layers * 32 * nodes);
    r->tree_d = (struct tree){r->profile.tree, nodes, 0, data};
    data += page_up(tree_bytes(nodes, 0));
    r->tree_c = (struct tree){r->profile.tree, nodes, CTL_DISCARD, data};
    data += page_up(tree_bytes(nodes, CTL_DISCARD));
    r->tree_r = (struct tree){r->profile.tree, nodes, CTL_DISCARD, data};
}
