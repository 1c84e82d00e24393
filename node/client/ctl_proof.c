#include "node/client/ctl_proof.h"

#include <stdio.h>
#include <string.h>

#include "node/client/ctl_node.h"

static const struct {
    const char *name, *usage;
    int (*run)(int, char **);
} commands[] = {
    {"seal",
     "FILE --profile NAME -o REPLICA\n"
     "    Seals a file. Profiles: sdr-light, sdr-compat, pos-sdr, pos-rd, test-tiny.\n"
     "    Interrupted at any point, the same command goes on where it was.\n"
     "      --sector-bytes N   power of two from 2KiB (default: the file's size, at most 32MiB)\n"
     "      --ticket HEX  --host HEX  --contract HEX   32 bytes each, bound by every replica\n"
     "      --number N         of the replica (default 0)\n"
     "      --parents DIR      keep the graph's cache there, for other replicas of this size",
     ctl_proof_seal},
    {"challenge",
     "REPLICA|COMM --beacon HEX\n"
     "    Prints the challenge that a beacon makes for a commitment.",
     ctl_proof_challenge},
    {"prove", "REPLICA --challenge C -o PROOF", ctl_proof_prove},
    {"verify",
     "--commitment COMM --proof PROOF [--beacon HEX | --challenge C]\n"
     "    COMM is REPLICA/commitment. With a beacon or challenge a replayed proof is refused;\n"
     "    without, the challenge is the one in the proof. Exit 2: the proof does not hold.\n"
     "      --fraud FILE       write the fraud proof of a wrong label there",
     ctl_proof_verify},
    {"unseal", "REPLICA -o FILE", ctl_proof_unseal},
    {"graph",
     "--sector-bytes N --porep-id U64|HEX64 --api 1.0|1.1 [--digest | --node V]\n"
     "    The SHA-256 of all parents (Filecoin's parent cache), or the parents of one node.",
     ctl_proof_graph},
    {"tree",
     "FILE [--leaf 64] [--hash sha256|blake2b]\n"
     "    The Merkle root of a file (RFC 6962 prefixes).",
     ctl_proof_tree},
};

void ctl_proof_say(bool json, const char *name, const char *text)
{
    if (!json) {
        puts(text);
        return;
    }
    json_t *said = json_pack("{s:s}", name, text);
    ctl_print_json(said);
    json_decref(said);
}

static int help(int code)
{
    printf("usage: orreryctl proof COMMAND ...\n\n");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        printf("  %s %s\n\n", commands[i].name, commands[i].usage);
    }
    puts("  --json with any of them: what it says as one JSON object");
    return code;
}

int ctl_proof(int argc, char **argv)
{
    if (argc < 2 || strcmp(argv[1], "--help") == 0) {
        return help(argc < 2 ? CTL_FAILED : CTL_OK);
    }
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(argv[1], commands[i].name) != 0) {
            continue;
        }
        if (argc == 3 && strcmp(argv[2], "--help") == 0) {
            printf("usage: orreryctl proof %s [--json] %s\n", commands[i].name, commands[i].usage);
            return CTL_OK;
        }
        return commands[i].run(argc - 1, argv + 1);
    }
    return ctl_fail("no command proof %s; try orreryctl proof --help", argv[1]);
}
