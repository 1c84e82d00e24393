/* Closed forms and exact recurrences of published results, to hold runs against
 * (docs/published.md). Floating point; every argument within its stated range, or the result is
 * NaN. */
#ifndef ORRERY_ANALYSIS_CLOSED_H
#define ORRERY_ANALYSIS_CLOSED_H

/* Eyal and Sirer, Majority is not Enough (2013), eq. 8: share of the chain's blocks that a selfish
 * miner with share alpha of all power makes, when a share gamma of the others mines on its side of
 * a tie. 0 <= alpha <= 1/2, 0 <= gamma <= 1. From 1/2 on it makes them all. */
double closed_selfish_revenue(double alpha, double gamma);
/* Above this alpha it gains: (1 - gamma) / (3 - 2 gamma). */
double closed_selfish_threshold(double gamma);

/* Rosenfeld, Analysis of hashrate-based double spending (2014): success after z confirmations with
 * share q, one block premined. Nakamoto's Poisson approximation (2008) beside it. 0 < q, z >= 0. */
double closed_double_spend(double q, unsigned z);
double closed_double_spend_nakamoto(double q, unsigned z);

/* P(at least `least` of `seats` seats are bad): without repetition (hypergeometric: `bad` of `all`
 * validators of equal stake), and by the roulette (binomial: share of the stake). */
double closed_committee_distinct(unsigned all, unsigned bad, unsigned seats, unsigned least);
double closed_committee_seats(double share, unsigned seats, unsigned least);

/* Algorand (Gilad et al. 2017): sortition with expectation tau of which a share h is honest. A step
 * fails to reach T tau by honest votes alone, or dishonest votes make two thresholds possible:
 * P(honest <= T tau), P(honest + 2 dishonest > 2 T tau), Poisson. */
double closed_sortition_liveness(double tau, double threshold, double honest);
double closed_sortition_safety(double tau, double threshold, double honest);

/* Decker and Wattenhofer (2013): chance of a fork when somebody finds a block with probability
 * `per_second` and `integral` seconds = integral of (1 - f); and in continuous time. */
double closed_fork_rate(double per_second, double integral);
double closed_stale_rate(double mean_delay_s, double interval_s);

/* Bagaria et al., arXiv 1910.02218: the private tree of an attacker that mines on every block grows
 * phi times faster than one chain, where randomness changes every c blocks. The k-th refresh
 * happens at one of the arrivals c, c + 1, ... after the one before, so the least displacement of
 * that branching random walk gives phi = c / max over t of (ln t + (c - 1) ln(1 + t)) / t. */
double closed_nas_growth(unsigned c);
/* The same for c = 1 where a block has no more than `accounts` children, one per account of equal
 * stake (one legal time each): 1 / max over t of ln(t + 1 / accounts) / t, from 2 accounts on. */
double closed_nas_growth_accounts(unsigned accounts);
/* Stake above which the private tree outgrows the honest chain: 1 / (1 + phi). */
double closed_nas_threshold(double growth);
/* Mean time, in mean gaps of one chain, until the tree has a block of this depth; accounts 0:
 * unlimited. By the recurrence of the survival function. 1 <= depth <= 200, 1 <= c. */
double closed_nas_passage(unsigned depth, unsigned accounts, unsigned c);
/* Chance that the tree of an attacker with this share of the stake is the deeper one when the
 * others have made so many blocks: that depth confirmations + 1 is reached within their time,
 * which is Gamma distributed. 0 < share < 1, 1 <= confirmations <= 199. */
double closed_nas_race(double share, unsigned confirmations, unsigned accounts, unsigned c);

#endif
