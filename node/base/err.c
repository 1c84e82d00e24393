#include "node/base/err.h"

#include "node/base/invariant.h"

const char *err_text(enum err err)
{
    static const char *const texts[] = {
#define X(name, text) text,
        ERR_LIST(X)
#undef X
    };
    invariant((unsigned)err < (unsigned)ERR_COUNT);
    return texts[err];
}
