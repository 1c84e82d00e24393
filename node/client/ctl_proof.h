/* Replicas on disk, for the commands of `orreryctl proof`.
 *
 * REPLICA is a folder:
 *
 *     commitment       public: "xpx/cms1" | le64 file bytes | le64 sectors | commitments, 256 each
 *     replica          the sealed sectors, one after the other
 *     proving-000000   per sector: the labels of all layers and the three trees, for the proof of
 *                      replication; may be deleted once that is accepted
 *     state            how far sealing has come; gone when it is finished
 *     parents          the graph's cache while sealing
 *
 * Files are mapped, so the kernel pages what does not fit memory; space is reserved before it is
 * mapped, so a full disk is an error and not a signal. */
#ifndef ORRERY_CLIENT_CTL_PROOF_H
#define ORRERY_CLIENT_CTL_PROOF_H

#include "node/client/ctl.h"
#include "node/proof/porep_proof.h"

enum {
    CTL_SECTORS_MAX = 1 << 20,
    CTL_HEADER_BYTES = 24,
    CTL_DISCARD = 3, /* levels of comm_c's and comm_r's trees that are not stored */
};

struct ctl_map {
    uint8_t *data;
    uint64_t len;
    int fd;
};

/* Maps a file for reading. An empty file has data NULL. */
MUST_CHECK enum err ctl_map_read(struct ctl_map *m, const char *path);
/* Makes or opens a file of len bytes, all of them reserved on disk (ERR_NO_SPACE), mapped for
 * writing. */
MUST_CHECK enum err ctl_map_write(struct ctl_map *m, const char *path, uint64_t len);
/* Everything written is on disk. */
MUST_CHECK enum err ctl_map_sync(struct ctl_map *m);
void ctl_map_close(struct ctl_map *m);
/* Zeroed memory, aligned; ERR_NO_MEMORY. Close like a file. */
MUST_CHECK enum err ctl_map_memory(struct ctl_map *m, uint64_t len);

/* Replaces a small file as a whole: after a crash it is the old one or the new one. */
MUST_CHECK enum err ctl_file_replace(const char *path, const void *data, size_t len);

/* folder/name in a static-size buffer; false if too long. */
bool ctl_path(char out[4096], const char *folder, const char *name);

/* The public file. Commitments stay in the map. */
struct ctl_commitments {
    struct ctl_map map;
    uint64_t file_bytes, sectors;
};
/* ERR_CORRUPT, ERR_VERSION, ERR_IO. path: the file, or the folder that holds it. */
MUST_CHECK enum err ctl_commitments_open(struct ctl_commitments *c, const char *path);
MUST_CHECK enum err ctl_commitment_get(const struct ctl_commitments *c, uint64_t sector,
                                       struct porep_commitment *out);

/* The proving file of one sector: layers, then tree_d, tree_c, tree_r. */
uint64_t ctl_proving_bytes(const struct profile *p, uint64_t nodes);
void ctl_proving_layout(struct porep_replica *r, uint8_t **layers, uint8_t *data);
bool ctl_proving_path(char out[4096], const char *folder, uint64_t sector);

/* Work in pieces, with a progress bar: the rows of all nodes, the labels of a layer. */
void ctl_graph_fill(const struct graph *g, uint8_t *rows, struct ctl_progress *progress);
void ctl_label_layer(const struct sha256_engine *e, const struct label_job *job,
                     const uint8_t *rows, struct ctl_progress *progress);

/* "xpx/cpf1" | seed | le32 count | le32 0 | le64 sectors, then le64 length | proof per sector. */
enum { CTL_PROOF_HEADER_BYTES = 56 };

/* A challenge in words: 64 hex digits, '-', count. */
struct ctl_challenge {
    uint8_t seed[32];
    uint32_t count;
};
bool ctl_challenge_parse(struct ctl_challenge *c, const char *text);
/* SHA-256("xpx/chal/1" | beacon | SHA-256(commitment file)); the count is the profile's. */
MUST_CHECK enum err ctl_challenge_derive(struct ctl_challenge *c, const struct ctl_commitments *k,
                                         const uint8_t beacon[32]);
/* The seed of one sector: SHA-256(seed | le64 sector). */
void ctl_challenge_sector(uint8_t out[32], const struct ctl_challenge *c, uint64_t sector);

/* One result: the text alone, or {"name": "text"}. */
void ctl_proof_say(bool json, const char *name, const char *text);

int ctl_proof_seal(int argc, char **argv);
int ctl_proof_unseal(int argc, char **argv);
int ctl_proof_challenge(int argc, char **argv);
int ctl_proof_prove(int argc, char **argv);
int ctl_proof_verify(int argc, char **argv);
int ctl_proof_graph(int argc, char **argv);
int ctl_proof_tree(int argc, char **argv);

#endif
