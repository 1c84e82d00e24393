/* orreryctl keys: the keystore of a node. */
#include <stdio.h>
#include <string.h>

#include "node/client/ctl.h"
#include "node/crypto/noise.h"
#include "node/crypto/secret.h"
#include "node/crypto/sign.h"
#include "node/crypto/vrf.h"
#include "node/daemon/keystore.h"

static const char help[] =
    "usage: orreryctl keys new -o FILE [--passphrase-file F] [--no-account] [--json]\n"
    "       orreryctl keys show FILE [--passphrase-file F] [--json]\n"
    "       orreryctl keys seal FILE --passphrase-file F [--old-passphrase-file F]\n"
    "\n"
    "  new    makes the keys of a node; without a passphrase the file is readable by its owner "
    "alone\n"
    "  show   the public keys\n"
    "  seal   puts another passphrase on the file\n";

#define PASSPHRASE_BYTES_MAX 1024

/* The first line of a file. */
static bool passphrase_read(char out[PASSPHRASE_BYTES_MAX], const char *path)
{
    FILE *file;

    out[0] = 0;
    if (path == NULL) {
        return true;
    }
    file = fopen(path, "r");
    bool good = file != NULL && fgets(out, PASSPHRASE_BYTES_MAX, file) != NULL;
    if (file != NULL) {
        fclose(file);
    }
    out[strcspn(out, "\n")] = 0;
    if (!good || out[0] == 0) {
        (void)ctl_fail("%s: no passphrase in it", path);
        return false;
    }
    return true;
}

static struct span passphrase_span(const char *text)
{
    return span_of(text, strlen(text));
}

static void public_print(const char *name, const uint8_t public_key[32], bool json, bool first)
{
    if (json) {
        printf("%s\"%s\": \"", first ? "{" : ", ", name);
    } else {
        printf("%-9s ", name);
    }
    for (size_t i = 0; i < 32; i++) {
        printf("%02x", public_key[i]);
    }
    fputs(json ? "\"" : "\n", stdout);
}

static void keys_print(struct keystore *keystore, bool json)
{
    const struct keystore_entry *node = keystore_find(keystore, KEYSTORE_NODE, NULL);
    const struct keystore_entry *vrf = keystore_find(keystore, KEYSTORE_VRF, NULL);
    const struct keystore_entry *transport = keystore_find(keystore, KEYSTORE_TRANSPORT, NULL);
    const struct keystore_entry *account = keystore_find(keystore, KEYSTORE_ACCOUNT, NULL);
    const struct keystore_entry *const entries[] = {node, vrf, transport, account};
    static const char *const names[] = {"node", "vrf", "transport", "account"};
    bool first = true;

    for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
        const struct keystore_entry *entry = entries[i];
        uint8_t public_key[32];
        struct sign_secret secret;
        if (entry == NULL) {
            continue;
        }
        if (entry == transport) {
            noise_public(public_key, entry->seed);
        } else if (entry == vrf) {
            struct vrf_secret vrf_secret;
            vrf_keypair(&vrf_secret, entry->seed);
            memcpy(public_key, vrf_secret.public_key, 32);
            secret_wipe(&vrf_secret, sizeof(vrf_secret));
        } else {
            sign_keypair(&secret, entry->seed);
            memcpy(public_key, secret.public_key, 32);
            sign_secret_wipe(&secret);
        }
        public_print(names[i], public_key, json, first);
        first = false;
    }
    if (json) {
        puts(first ? "{}" : "}");
    }
}

static int keys_new(struct keystore *keystore, const char *path, const char *passphrase,
                    bool account, bool json)
{
    char message[KEYSTORE_MESSAGE_BYTES];

    if (keystore_make_node(keystore, account) != ERR_OK) {
        return ctl_fail("no randomness");
    }
    if (keystore_save(keystore, path, passphrase_span(passphrase), false, message) != ERR_OK) {
        return ctl_fail("%s", message);
    }
    keys_print(keystore, json);
    return CTL_OK;
}

static int keys_open(struct keystore *keystore, const char *path, const char *passphrase)
{
    char message[KEYSTORE_MESSAGE_BYTES];
    enum err err = keystore_load(keystore, path, passphrase_span(passphrase), message);

    return err == ERR_OK ? CTL_OK : ctl_fail("%s", message);
}

int ctl_keys(int argc, char **argv)
{
    const char *verb = argc > 1 ? argv[1] : "--help";
    const char *out = NULL;
    const char *file = NULL;
    const char *old_file = NULL;
    const char *path = NULL;
    bool json = false;
    bool no_account = false;
    char passphrase[PASSPHRASE_BYTES_MAX];
    char old_passphrase[PASSPHRASE_BYTES_MAX];
    char message[KEYSTORE_MESSAGE_BYTES];
    const struct ctl_option options[] = {{"-o", &out, NULL},
                                         {"--passphrase-file", &file, NULL},
                                         {"--old-passphrase-file", &old_file, NULL},
                                         {"--no-account", NULL, &no_account},
                                         {"--json", NULL, &json}};
    static struct keystore keystore; /* large, and wiped below */

    if (strcmp(verb, "--help") == 0) {
        fputs(help, stdout);
        return argc > 1 ? CTL_OK : CTL_FAILED;
    }
    bool new = strcmp(verb, "new") == 0;
    bool seal = strcmp(verb, "seal") == 0;
    if (!new && !seal && strcmp(verb, "show") != 0) {
        return ctl_fail("no command keys %s; try --help", verb);
    }
    if (!ctl_options(argc - 1, argv + 1, options, sizeof(options) / sizeof(options[0]), &path,
                     new ? 0 : 1) ||
        !passphrase_read(passphrase, file) || !passphrase_read(old_passphrase, old_file)) {
        return CTL_FAILED;
    }
    int status;
    if (new) {
        status = out == NULL ? ctl_fail("keys new needs -o FILE")
                             : keys_new(&keystore, out, passphrase, !no_account, json);
    } else {
        status = keys_open(&keystore, path, seal ? old_passphrase : passphrase);
        if (status == CTL_OK && !seal) {
            keys_print(&keystore, json);
        } else if (status == CTL_OK && keystore_save(&keystore, path, passphrase_span(passphrase),
                                                     true, message) != ERR_OK) {
            status = ctl_fail("%s", message);
        }
    }
    keystore_wipe(&keystore);
    secret_wipe(passphrase, sizeof(passphrase));
    secret_wipe(old_passphrase, sizeof(old_passphrase));
    return status;
}
