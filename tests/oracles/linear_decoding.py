"""Least squares as it stands in a textbook: all trials at once, one step and one target at a time."""

from __future__ import annotations

import numpy as np


def decoded(fit_x, fit_y, test_x, test_y):
    """R2 on both sets and MSE of y = a + b x, x (trials, units), y (trials,)."""
    rows = np.column_stack([np.ones(len(fit_x)), fit_x])
    coefficients = np.linalg.lstsq(rows, fit_y, rcond=None)[0]

    def explained(x, y):
        errors = y - np.column_stack([np.ones(len(x)), x]) @ coefficients
        return 1 - (errors**2).sum() / ((y - y.mean()) ** 2).sum(), (errors**2).mean()

    r2, mse = explained(test_x, test_y)
    return r2, mse, explained(fit_x, fit_y)[0]
