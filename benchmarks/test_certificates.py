"""Time and sharpness of certificates and stability discs, by form and size.

``pytest benchmarks/test_certificates.py --benchmark-enable --benchmark-only -s``; one thread. The peer, in the same
process, is what a program without proofs does with the same point: one Newton step and the eigenvalues of the Jacobian.
"""

import time

import numpy as np
import pytest

from rnnkit.numerics.krawczyk import certify_many
from rnnkit.numerics.piecewise_linear import solve_regions
from rnnkit.numerics.stability_discs import certify_stability_many
from rnnkit.numerics.threads import one_thread
from tests.oracles.precise_maps import random_map, settled

SIZES = (64, 256, 512)
#: Networks a case; each has one stable fixed point.
SEEDS = {64: 8, 256: 3, 512: 2}


def seconds(work, *arguments):
    """The least processor time of three runs: other programs may hold the machine."""
    found = []
    for _ in range(3):
        began = time.process_time()
        result = work(*arguments)
        found.append(time.process_time() - began)
    return min(found), result


def newton_and_eigenvalues(system, point):
    with one_thread():
        jacobian = system.jacobian(point[None, None])[0, 0]
        step = np.linalg.solve(jacobian - np.eye(system.size), system.value(point[None, None])[0, 0] - point)
        return point - step, np.linalg.eigvals(jacobian)


def point_of(system, nonlinearity):
    if nonlinearity == "tanh":
        return settled(system, 1500)
    return solve_regions(system, 0, np.random.default_rng(0).normal(size=(4, system.size))).points[0]


@pytest.mark.parametrize("units", SIZES)
@pytest.mark.parametrize(
    ("form", "nonlinearity"),
    [("outer", "tanh"), ("inner", "tanh"), ("outer", "relu"), ("gru", "tanh"), ("lstm", "tanh")],
)
def test_certificate(benchmark, form, nonlinearity, units):
    rows = []
    for seed in range(SEEDS[units]):
        system = random_map(form, units, seed, nonlinearity, size=0.9 if nonlinearity == "tanh" else 0.6)
        point = point_of(system, nonlinearity)
        proof, found = seconds(certify_many, system, 0, point[None])
        discs, stability = seconds(certify_stability_many, system, 0, found.point, found.radius)
        peer, _ = seconds(newton_and_eigenvalues, system, point)
        rows.append((found.radius[0], found.unique_radius[0], stability.disc_radius[0], proof, discs, peer))
        assert found.certified.all(), found.status
    radius, unique, disc = np.array(rows)[:, :3].T
    proof, discs, peer = np.array(rows)[:, 3:].min(0)
    benchmark.extra_info.update(
        certified=len(rows),
        decided=int(stability.certified[0]),
        radius=radius.max(),
        unique_radius=unique.min(),
        disc_radius=disc.max(),
        proof_seconds=proof,
        disc_seconds=discs,
        peer_seconds=peer,
    )
    print(
        f"\n{form} {nonlinearity} {units}: {len(rows)} certified, radius <= {radius.max():.0e}, "
        f"unique_radius >= {unique.min():.0e}, discs <= {disc.max():.0e}; "
        f"proof {proof * 1e3:.1f} ms, discs {discs * 1e3:.1f} ms; without proof {peer * 1e3:.1f} ms"
    )
    benchmark.pedantic(certify_many, (system, 0, point[None]), rounds=3)


@pytest.mark.parametrize("points", [1, 27, 200])
def test_many_points_of_one_network(benchmark, points):
    """Points of a network share a stack; here the same one, moved a little."""
    system = random_map("outer", 64, 0)
    moved = settled(system) + 1e-9 * np.random.default_rng(0).normal(size=(points, 64))
    taken, found = seconds(certify_many, system, 0, moved)
    assert found.certified.all()
    benchmark.extra_info.update(seconds_a_point=taken / points, radius=found.radius.max())
    print(f"\n{points} points at 64 units: {taken / points * 1e3:.2f} ms a point")
    benchmark.pedantic(certify_many, (system, 0, moved), rounds=3)
