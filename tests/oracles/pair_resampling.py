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


def network_and_pair_error(table):
    """Jackknife error with the noise of pairs counted once, from a regression and one jackknife for each pair."""
    n, jackknife = len(table), jackknife_error(table) ** 2
    pairs = [(i, j) for i, j in itertools.combinations(range(n), 2) if not np.isnan(table[i, j])]
    design = np.array([[float(k in pair) for k in range(n)] for pair in pairs])
    values = np.array([table[pair] for pair in pairs])
    own, _, rank, _ = np.linalg.lstsq(design, values, rcond=None)
    if rank == len(pairs):
        return np.sqrt(jackknife)
    noise = np.sum((values - design @ own) ** 2) / (len(pairs) - rank)
    counted = 0.0
    for i, j in pairs:
        unit = np.where(np.isnan(table), np.nan, 0.0)
        unit[i, j] = unit[j, i] = 1.0
        counted += jackknife_error(unit) ** 2
    return np.sqrt(max(jackknife - noise * counted, 0.0) + noise / len(pairs))


def bootstrap_interval(table, counts, confidence=0.95):
    """Interval from given draws: counts[draw, network] says how often a network was drawn."""
    means = [mean_over_pairs(table, np.repeat(np.arange(len(table)), draw)) for draw in counts]
    defined = [mean for mean in means if not np.isnan(mean)]
    return np.quantile(defined, [(1 - confidence) / 2, (1 + confidence) / 2])
