#include "node/client/commands.h"

#include <stdio.h>
#include <string.h>

#include "node/client/ctl_node.h"

#define NODE "--node --json --help"
#define SEND "--wait --timeout --fee --passphrase-file " NODE

static const struct ctl_command commands[] = {
    {"wallet", "make, list, export and import accounts", ctl_wallet,
     "new list address export import --passphrase-file --no-passphrase --network --keys " NODE},
    {"send", "pay tokens to somebody", ctl_send, "--memo " SEND},
    {"bond", "bind tokens as stake", ctl_bond, SEND},
    {"unbond", "begin to release stake", ctl_unbond, SEND},
    {"withdraw", "free what has been released for long enough", ctl_withdraw, SEND},
    {"register", "tie a node to an account", ctl_register,
     "--roles --update --keys-passphrase-file " SEND},
    {"faucet", "ask a test network for tokens", ctl_faucet, "--wait --timeout " NODE},
    {"status", "what has become of a transaction", ctl_status, "--wait --timeout " NODE},
    {"account", "balance, stake and node of an account", ctl_account_show, NODE},
    {"block", "a block by height, or tip, or final", ctl_block, "tip final " NODE},
    {"peers", "whom the node is linked with", ctl_peers, NODE},
    {"info", "who the node is and how it fares", ctl_info, NODE},
    {"follow", "blocks and finality as they happen", ctl_follow, "--count " NODE},
    {"chain", "a chain as a file", ctl_chain,
     "export import --genesis --verify -o -d --json --help"},
    {"db", "the database of a node", ctl_db, "stat check repair --json --help"},
    {"keys", "the keys of a node", ctl_keys,
     "new show seal -o --passphrase-file --old-passphrase-file --no-account --json --help"},
    {"proof", "seal, challenge, prove and verify stored files", ctl_proof,
     "seal unseal challenge prove verify graph tree --profile -o --sector-bytes --ticket --host "
     "--contract --number --parents --beacon --challenge --commitment --proof --fraud --porep-id "
     "--api "
     "--digest --node --leaf --hash --json --help"},
    {"completion", "a completion script for bash or zsh", ctl_completion, "bash zsh"},
};

const struct ctl_command *ctl_commands(size_t *count)
{
    *count = sizeof(commands) / sizeof(commands[0]);
    return commands;
}

/* The words that can follow, by position and command: the same for both shells. */
static void cases_print(const char *position)
{
    printf("    local choice\n    case \"%s\" in\n    1:*) choice=\"", position);
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        printf("%s%s", i == 0 ? "" : " ", commands[i].name);
    }
    printf("\" ;;\n");
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        printf("    *:%s) choice=\"%s\" ;;\n", commands[i].name, commands[i].words);
    }
    printf("    esac\n");
}

#define FILES                                                                                      \
    "--passphrase-file|--old-passphrase-file|--keys-passphrase-file|--keys|--genesis|-o|-d"

static void bash_print(void)
{
    printf("_orreryctl()\n{\n");
    cases_print("$COMP_CWORD:${COMP_WORDS[1]}");
    printf("    case \"${COMP_WORDS[COMP_CWORD-1]}\" in\n"
           "    --wait) choice=\"unconfirmed confirmed finalized\" ;;\n"
           "    " FILES ") COMPREPLY=($(compgen -f -- \"$2\")); return ;;\n    esac\n"
           "    COMPREPLY=($(compgen -W \"$choice\" -- \"$2\"))\n}\n"
           "complete -o default -F _orreryctl orreryctl\n");
}

/* Good as a file of $fpath, which runs as the function, and to be sourced. */
static void zsh_print(void)
{
    printf("#compdef orreryctl\n_orreryctl()\n{\n");
    cases_print("$((CURRENT-1)):${words[2]}");
    printf("    case \"${words[CURRENT-1]}\" in\n"
           "    --wait) choice=\"unconfirmed confirmed finalized\" ;;\n"
           "    " FILES ") _files; return ;;\n    esac\n"
           "    compadd -- ${=choice} || _files\n}\n"
           "if [ \"$funcstack[1]\" = _orreryctl ]; then\n    _orreryctl \"$@\"\nelse\n"
           "    compdef _orreryctl orreryctl\nfi\n");
}

int ctl_completion(int argc, char **argv)
{
    bool bash = argc == 2 && strcmp(argv[1], "bash") == 0;
    bool zsh = argc == 2 && strcmp(argv[1], "zsh") == 0;

    if (!bash && !zsh) {
        printf("usage: orreryctl completion bash|zsh\n\n"
               "What `meson install` puts where the shells look for it. For this shell alone:\n"
               "source <(orreryctl completion bash)\n");
        return argc == 2 && strcmp(argv[1], "--help") == 0 ? CTL_OK : CTL_FAILED;
    }
    if (bash) {
        bash_print();
    } else {
        zsh_print();
    }
    return CTL_OK;
}
