"""Slow, obvious resampling of a mean over pairs: lists of pairs and Python loops."""

import itertools

import numpy as np


def mean_over_pairs(table, members):
    """Mean of table[i, j] over pairs of distinct networks among `members`, which may repeat."""
    values = [table[i, j] for i, j in itertools.combinations(members, 2) if i != j and not np.isnan(table[i, j])]
    return np.mean(values) if values else np.nan


def jackknife_error(table):
    n = len(table)
    everything = mean_over_pairs(table, range(n))
    left_out = [mean_over_pairs(table, [j for j in range(n) if j != i]) for i in range(n)]
    return np.sqrt((n - 1) / n * sum((m - everything) ** 2 for m in left_out))


def bootstrap_interval(table, counts, confidence=0.95):
    """Interval from given draws: counts[draw, network] says how often a network was drawn."""
    means = [mean_over_pairs(table, np.repeat(np.arange(len(table)), draw)) for draw in counts]
    defined = [mean for mean in means if not np.isnan(mean)]
    return np.quantile(defined, [(1 - confidence) / 2, (1 + confidence) / 2])
