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
     "new show seal -o --passphrase-file --no-account --json --help"},
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

int ctl_completion(int argc, char **argv)
{
    bool bash = argc == 2 && strcmp(argv[1], "bash") == 0;
    bool zsh = argc == 2 && strcmp(argv[1], "zsh") == 0;

    if (!bash && !zsh) {
        printf("usage: orreryctl completion bash|zsh\n\n"
               "bash: orreryctl completion bash > ~/.local/share/bash-completion/completions/"
               "orreryctl\nzsh:  source <(orreryctl completion zsh)\n");
        return argc == 2 && strcmp(argv[1], "--help") == 0 ? CTL_OK : CTL_FAILED;
    }
    if (zsh) {
        printf("autoload -U +X bashcompinit && bashcompinit\n");
    }
    printf(
        "_orreryctl()\n{\n    local words\n    case \"$COMP_CWORD:${COMP_WORDS[1]}\" in\n    1:*) "
        "words=\"");
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        printf("%s%s", i == 0 ? "" : " ", commands[i].name);
    }
    printf("\" ;;\n");
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        printf("    *:%s) words=\"%s\" ;;\n", commands[i].name, commands[i].words);
    }
    printf("    esac\n    case \"${COMP_WORDS[COMP_CWORD-1]}\" in\n"
           "    --wait) words=\"unconfirmed confirmed finalized\" ;;\n"
           "    --passphrase-file|--keys-passphrase-file|--keys)\n"
           "        COMPREPLY=($(compgen -f -- \"$2\")); return ;;\n    esac\n"
           "    COMPREPLY=($(compgen -W \"$words\" -- \"$2\"))\n}\n"
           "complete -o default -F _orreryctl orreryctl\n");
    return CTL_OK;
}
