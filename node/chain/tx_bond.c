/* bond (0x02), unbond (0x03), withdraw (0x04): amount u64 each. Stake counts in a committee two
 * epochs later and in production after the look-back; what is unbonded stays slashable for
 * unbonding_epochs. spec: chain 1.6, 1.7 */
#include "node/chain/execution.h"
#include "node/wire/codec.h"

static enum err amount_read(uint64_t *amount, struct span body)
{
    struct reader r;
    reader_init(&r, body);
    *amount = reader_u64(&r);
    TRY(reader_end(&r));
    return *amount == 0 ? ERR_RANGE : ERR_OK;
}

enum err tx_bond_check(const struct tx *tx, struct tx_check *check)
{
    (void)check;
    uint64_t amount;
    return amount_read(&amount, tx->body);
}

enum err tx_unbond_check(const struct tx *tx, struct tx_check *check)
{
    return tx_bond_check(tx, check);
}

enum err tx_withdraw_check(const struct tx *tx, struct tx_check *check)
{
    return tx_bond_check(tx, check);
}

enum err tx_bond_apply(struct execution *x, const struct tx *tx, struct account *sender)
{
    uint64_t amount;
    TRY(amount_read(&amount, tx->body));
    if (amount < x->params.bond_min) {
        return ERR_RANGE;
    }
    if (amount > sender->free) {
        return ERR_BALANCE;
    }
    sender->free -= amount;
    sender->bonded += amount;
    if (sender->jailed_until != 0 && x->epoch >= sender->jailed_until) {
        sender->jailed_until = 0;
    }
    return ERR_OK;
}

enum err tx_unbond_apply(struct execution *x, const struct tx *tx, struct account *sender)
{
    uint64_t amount;
    TRY(amount_read(&amount, tx->body));
    return account_unbond(sender, &x->params, x->epoch, amount);
}

enum err tx_withdraw_apply(struct execution *x, const struct tx *tx, struct account *sender)
{
    uint64_t amount;
    TRY(amount_read(&amount, tx->body));
    return account_withdraw(sender, &x->params, x->epoch, amount);
}
