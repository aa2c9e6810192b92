"""All fixed points of a relu network, by going through every one of its 2^N regions."""

from __future__ import annotations

import itertools

import numpy as np

from rnnkit.numerics.autonomous_maps import AutonomousMap


def all_fixed_points(system: AutonomousMap, network: int) -> np.ndarray:
    """The solution of each region's affine system that lies in the region, (points, units)."""
    weight, drive = system.recurrent[network], system.drive[network]
    n, found = system.units, []
    for pattern in itertools.product([0.0, 1.0], repeat=n):
        s = np.diag(pattern)
        if system.form == "outer":
            matrix, right = np.diag(1 - system.kept[network]) - system.gain * s @ weight, system.gain * s @ drive
        else:
            matrix, right = np.diag(1 - system.kept[network]) - system.gain * weight @ s, system.gain * drive
        h = np.linalg.solve(matrix, right)
        argument = weight @ h + drive if system.form == "outer" else h
        if np.array_equal(argument > 0, np.array(pattern) > 0):
            found.append(h)
    return np.array(found).reshape(-1, n)
