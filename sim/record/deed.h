/* What a byzantine node did: the second column of the world's trace `adversary`. */
#ifndef ORRERY_RECORD_DEED_H
#define ORRERY_RECORD_DEED_H

enum adversary_deed {
    DEED_WITHHELD, /* value: height of a block kept back */
    DEED_RELEASED, /* value: height of a block let go */
    DEED_ATTEMPT,  /* an attack begins; value: height */
    DEED_SUCCESS,  /* it succeeded; value: blocks that it undid */
    DEED_GAVE_UP,  /* it was given up; value: blocks behind */
    DEED_FORGED,   /* value: height of a second block, or round of a second vote */
    DEED_SENT,     /* value: frames of a flood */
    DEED_DEPTH,    /* value: depth of a private tree; second: 1000 x arrivals since its root */
    DEED_GROWN,    /* the same of a tree that is as deep as was asked, and is left */
    DEEDS
};

#endif
