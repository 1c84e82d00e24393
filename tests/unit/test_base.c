#include <criterion/criterion.h>

#include "node/base/bytes.h"
#include "node/base/err.h"

Test(base, every_error_has_a_text)
{
    for (int i = 0; i < ERR_COUNT; i++) {
        cr_assert_gt(strlen(err_text((enum err)i)), 1);
    }
}

Test(base, loads_undo_stores)
{
    uint8_t b[8];
    store64(b, 0x0102030405060708u);
    cr_assert_eq(b[0], 8);
    cr_assert_eq(load64(b), 0x0102030405060708u);
    cr_assert_eq(load32(b), 0x05060708u);
    cr_assert_eq(load16(b), 0x0708u);
}
