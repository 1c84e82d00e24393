/* What a host may look at between two steps: the modules of a node, read-only. Only hosts include
 * this (an adversary that plots over its own node's view, a daemon that answers questions); the
 * protocol never does. Pointers are valid until the next step of the node. */
#ifndef ORRERY_CORE_VIEW_H
#define ORRERY_CORE_VIEW_H

#include "node/core/node.h"

struct chain;
struct finality;
struct overlay;
struct relay;
struct sync;

const struct chain *node_chain(const struct node *node);
const struct finality *node_finality(const struct node *node);
const struct overlay *node_overlay(const struct node *node);
const struct relay *node_relay(const struct node *node);
const struct sync *node_sync(const struct node *node);

/* True while the node catches up and so produces nothing. */
bool node_behind(const struct node *node);

#endif
