/* The struct behind node.h, for the files of node/core alone. */
#ifndef ORRERY_CORE_NODE_PRIVATE_H
#define ORRERY_CORE_NODE_PRIVATE_H

#include "node/base/rng.h"
#include "node/core/node.h"
#include "node/core/submit.h"

enum life { LIFE_NEW, LIFE_CHAIN_READS, LIFE_FINALITY_READS, LIFE_RUNNING, LIFE_STOPPED };

struct node {
    enum life life;
    const struct node_config *config;
    struct shared *shared;
    struct rng rng;
    uint32_t next_request;
    struct overlay *overlay;
    struct chain *chain;
    struct finality *finality;
    struct relay *relay;
    struct sync *sync;
    struct submit submit;
    bool behind; /* catching up: produces nothing */
};

#endif
