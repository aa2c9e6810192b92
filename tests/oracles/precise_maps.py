"""A network's step in 60 digits, written out plainly, its true fixed points, and maps whose points are known."""

from __future__ import annotations

import numpy as np
from mpmath import mp, mpf

from rnnkit.numerics.autonomous_maps import FORMS, AutonomousMap

DIGITS = 60
Vector = list[mpf]


def numbers(values: np.ndarray) -> Vector:
    return [mpf(float(x)) for x in values]


def times(matrix: np.ndarray, vector: Vector) -> Vector:
    return [mp.fdot(numbers(row), vector) for row in matrix]


def sigmoid(x: mpf) -> mpf:
    return 1 / (1 + mp.exp(-x))


def activate(name: str, x: Vector) -> Vector:
    return {
        "tanh": lambda: [mp.tanh(a) for a in x],
        "relu": lambda: [max(a, mpf(0)) for a in x],
        "identity": lambda: x,
    }[name]()


def value(system: AutonomousMap, network: int, x: Vector) -> Vector:
    """F(x) by the textbook, one unit after the other."""
    n, weight = system.units, system.recurrent[network]
    drive, bias = numbers(system.drive[network]), numbers(system.recurrent_bias[network])
    keep, gain = numbers(system.kept[network]), mpf(system.gain)
    if system.form == "outer":
        rates = activate(system.nonlinearity, [a + v for a, v in zip(times(weight, x), drive, strict=True)])
        return [k * h + gain * rate for k, h, rate in zip(keep, x, rates, strict=True)]
    if system.form == "inner":
        sums = times(weight, activate(system.nonlinearity, x))
        return [k * h + gain * (s + v) for k, h, s, v in zip(keep, x, sums, drive, strict=True)]
    sums = times(weight, x[:n])
    if system.form == "gru":
        sums = [s + b for s, b in zip(sums, bias, strict=True)]
        r = [sigmoid(sums[k] + drive[k]) for k in range(n)]
        z = [sigmoid(sums[n + k] + drive[n + k]) for k in range(n)]
        c = [mp.tanh(drive[2 * n + k] + r[k] * sums[2 * n + k]) for k in range(n)]
        return [(1 - z[k]) * c[k] + z[k] * x[k] for k in range(n)]
    a = [s + v for s, v in zip(sums, drive, strict=True)]
    cell = [sigmoid(a[n + k]) * x[n + k] + sigmoid(a[k]) * mp.tanh(a[2 * n + k]) for k in range(n)]
    return [sigmoid(a[3 * n + k]) * mp.tanh(cell[k]) for k in range(n)] + cell


def residual(system: AutonomousMap, network: int, x: Vector) -> Vector:
    return [new - old for new, old in zip(value(system, network, x), x, strict=True)]


def true_fixed_point(system: AutonomousMap, network: int, start: np.ndarray) -> Vector:
    """Newton's method with the Jacobian of the start, in 60 digits, until G is below 1e-45."""
    point = start[None, None]
    jacobian = system.only(network).jacobian(point)[0, 0] - np.eye(system.size)
    inverse = np.linalg.inv(jacobian)
    with mp.workdps(DIGITS):
        x = numbers(start)
        for _ in range(2000):
            g = residual(system, network, x)
            if max(map(abs, g)) < mpf("1e-45"):
                return x
            x = [a - b for a, b in zip(x, times(inverse, g), strict=True)]
    raise AssertionError("the oracle found no fixed point")


def distance(x: Vector, point: np.ndarray) -> mpf:
    """Distance in the max norm."""
    with mp.workdps(DIGITS):
        return max(abs(a - b) for a, b in zip(x, numbers(point), strict=True))


def scalar(weight: float, drive: float) -> AutonomousMap:
    """h = tanh(weight h + drive)."""
    return AutonomousMap(
        "outer", "tanh", 0.0, 1.0, np.full((1, 1, 1), weight), np.full((1, 1), drive), np.zeros((1, 1))
    )


def random_map(form: str, units: int, seed: int, nonlinearity: str = "tanh", size: float = 0.9) -> AutonomousMap:
    """Gaussian weights of spectral radius about `size`, a drive and, in the GRU, a bias inside the reset product."""
    rng = np.random.default_rng(seed)
    rows = FORMS[form] * units
    weight = rng.normal(size=(1, rows, units)) * size / np.sqrt(units)
    drive, bias = 0.3 * rng.normal(size=(1, rows)), np.zeros((1, rows))
    if form == "gru":
        bias[:, 2 * units :] = 0.3 * rng.normal(size=(1, units))
    keep, gain = {"outer": (0.7, 0.3), "inner": (1 - 0.1, 0.1)}.get(form, (0.0, 1.0))
    return AutonomousMap(form, nonlinearity, keep, gain, weight, drive, bias)


def settled(system: AutonomousMap, steps: int = 2000) -> np.ndarray:
    """The state (size,) after many steps from 0: a fixed point, in the maps above, if it is stable."""
    x = np.zeros((system.networks, 1, system.size))
    for _ in range(steps):
        x = system.value(x)
    return x[0, 0]


def permuted(system: AutonomousMap, order: np.ndarray) -> AutonomousMap:
    """The same network with its units in another order."""
    gates, n = FORMS[system.form], system.units
    rows = np.concatenate([order + k * n for k in range(gates)])
    return AutonomousMap(
        system.form,
        system.nonlinearity,
        system.kept[:, order] if isinstance(system.keep, np.ndarray) else system.keep,
        system.gain,
        system.recurrent[:, rows][:, :, order],
        system.drive[:, rows],
        system.recurrent_bias[:, rows],
    )
