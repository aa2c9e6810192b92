"""Time and sharpness of certificates and stability discs, by form and size.

``pytest benchmarks/test_certificates.py --benchmark-enable --benchmark-only -s``; one thread. The peer, in the same
process, is what a program without proofs does with the same point: one Newton step and the eigenvalues of the Jacobian.
"""

import time
from pathlib import Path

import numpy as np
import pytest

from rnnkit.numerics.autonomous_maps import AutonomousMap
from rnnkit.numerics.krawczyk import certify_many
from rnnkit.numerics.piecewise_linear import solve_regions
from rnnkit.numerics.stability_discs import certify_stability_many
from rnnkit.numerics.threads import one_thread
from tests.oracles.precise_maps import distance, random_map, settled, true_fixed_point

FIXTURES = Path(__file__).parents[1] / "fixtures"
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


def flipflop():
    """Ten trained networks and their 270 points."""
    with np.load(FIXTURES / "recurrent_weights.npz") as held:
        weight, bias = held["recurrent"].astype(np.float64), held["bias"].astype(np.float64)
    with np.load(FIXTURES / "flipflop_fixed_points.npz") as held:
        points = held["points"].astype(np.float64)
    return AutonomousMap("outer", "tanh", 0.0, 1.0, weight, bias, np.zeros_like(bias)), points


def test_flipflop_networks(benchmark):
    system, starts = flipflop()
    proofs = [certify_many(system, k, starts[k]) for k in range(10)]
    discs = [certify_stability_many(system, k, one.point, one.radius) for k, one in enumerate(proofs)]
    radius, unique = (np.concatenate([getattr(one, name) for one in proofs]) for name in ("radius", "unique_radius"))
    decided = sum(int(one.certified.sum()) for one in discs)
    print(f"\n{np.isfinite(radius).sum()} of 270 certified, {decided} counts decided")
    print(f"radius <= {radius.max():.1e}, unique_radius {unique.min():.1e} to {unique.max():.1e}")
    print(f"discs <= {max(one.disc_radius.max() for one in discs):.1e}")
    print(f"sums of the index: {sorted({int(one.index.sum()) for one in proofs})}")
    assert decided == 270
    benchmark.extra_info.update(radius=radius.max(), unique_radius=unique.min(), decided=decided)
    benchmark.pedantic(certify_many, (system, 0, starts[0]), rounds=3)


def test_flipflop_networks_against_the_truth(benchmark):
    """60 true errors in 60 digits, and 280 points moved off theirs by 1e-14 to 0.1 in every unit."""
    system, starts = flipflop()
    rng = np.random.default_rng(0)
    sizes, certified, missed, ratios = np.geomspace(1e-14, 0.1, 20), np.zeros(20, dtype=int), 0, []
    for which, (network, point) in enumerate(zip(*divmod(rng.permutation(270)[:60], 27), strict=True)):
        proof = certify_many(system, network, starts[network, point][None])[0]
        truth = true_fixed_point(system, network, proof.point)
        ratios.append(proof.radius / float(distance(truth, proof.point)))
        if which < 14:
            moved = proof.point + sizes[:, None] * rng.choice([-1, 1], (20, 64))
            found = certify_many(system, network, moved, polish=0)
            certified += found.certified
            balls = zip(found.point[found.certified], found.radius[found.certified], strict=True)
            missed += sum(distance(truth, x) > radius for x, radius in balls)
    print(f"\nradius over true error: {min(ratios):.0f} to {max(ratios):.0f}, median {np.median(ratios):.0f}")
    print(f"moved: {certified.sum()} of 280 certified, all up to {sizes[np.argmax(certified < 14) - 1]:.0e}")
    print(f"balls without the truth: {missed}")
    assert min(ratios) >= 1
    assert missed == 0
    benchmark.extra_info.update(certified=int(certified.sum()), missed=missed, least_ratio=min(ratios))
    benchmark.pedantic(certify_many, (system, 0, starts[0]), rounds=3)
