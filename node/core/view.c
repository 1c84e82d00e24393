#include "node/core/view.h"

#include "node/core/node_private.h"

const struct chain *node_chain(const struct node *node)
{
    return node->chain;
}

const struct finality *node_finality(const struct node *node)
{
    return node->finality;
}

const struct overlay *node_overlay(const struct node *node)
{
    return node->overlay;
}

const struct relay *node_relay(const struct node *node)
{
    return node->relay;
}

const struct sync *node_sync(const struct node *node)
{
    return node->sync;
}

bool node_behind(const struct node *node)
{
    return node->behind;
}
