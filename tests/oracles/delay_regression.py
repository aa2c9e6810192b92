"""Slow, obvious delay embedding and least squares: one row at a time, `numpy.linalg.lstsq`."""

import numpy as np


def embed_row(trial, time, delays):
    """State of a trial, (steps, k), at `time`: newest block first."""
    return np.concatenate([trial[time - i] for i in range(delays)])


def pairs(trials, delays, first=None):
    """Rows before and the newest block after, for all steps of each trial that `delays` can predict."""
    before, after = [], []
    for trial in trials:
        for time in range(delays if first is None else first, len(trial)):
            before.append(embed_row(trial, time - 1, delays))
            after.append(trial[time])
    return np.array(before), np.array(after)


def one_step_error(fit, score, delays, first=None):
    weights = np.linalg.lstsq(*pairs(fit, delays), rcond=1e-6)[0]
    before, after = pairs(score, delays, first)
    return ((after - before @ weights) ** 2).sum() / ((after - after.mean(axis=0)) ** 2).sum()
