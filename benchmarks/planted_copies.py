"""Distances whose truth is known to be 0: a network and its relabelled copy, an operator and its rotated copy.

python benchmarks/planted_copies.py [--pairs N] prints, for this package and for the packages that published numbers
were made with, the distance that each search ends at, as a share of the norm of what is compared.
"""

from __future__ import annotations

import argparse

import numpy as np

from rnnkit.numerics.orthogonal_alignment import align_orthogonal
from rnnkit.numerics.permutation_matching import match_permutation
from rnnkit.numerics.reference_solvers import dsa_metric_rotations, qc_procrustes_permutations


def relabelled(pairs: int, units: int) -> dict[str, np.ndarray]:
    """Distances |W - P^T W P| that are 0 for some permutation P, relative, by solver: (pairs,)."""
    draw = np.random.default_rng(0)
    weights = draw.normal(size=(pairs, units, units)) / np.sqrt(units)
    orders = np.argsort(draw.random((pairs, units)), axis=1)
    copies = np.stack([w[order][:, order] for w, order in zip(weights, orders, strict=True)])
    norms = np.sqrt(2) * np.linalg.norm(weights, axis=(1, 2))
    theirs = qc_procrustes_permutations(weights, copies)
    placed = np.stack([c[p][:, p] for c, p in zip(copies, theirs, strict=True)])
    return {
        "rnnkit": match_permutation(weights, copies).distance / norms,
        "qc-procrustes": np.linalg.norm(weights - placed, axis=(1, 2)) / norms,
        "units as they are labelled": np.linalg.norm(weights - copies, axis=(1, 2)) / norms,
    }


def rotated(pairs: int, size: int) -> dict[str, np.ndarray]:
    """Distances |A - Q B Q^T| that are 0 for some rotation Q, of operators of norm 1, by solver: (pairs,)."""
    draw = np.random.default_rng(1)
    operators = draw.normal(size=(pairs, size, size))
    operators /= np.linalg.norm(operators, axis=(1, 2), keepdims=True)
    turns = np.linalg.qr(draw.normal(size=(pairs, size, size)))[0]
    copies = turns @ operators @ turns.transpose(0, 2, 1)
    theirs = dsa_metric_rotations(operators, copies)
    turned = theirs @ copies @ theirs.transpose(0, 2, 1)
    return {
        "rnnkit": align_orthogonal(operators, copies, bound="spectra").distance,
        "dsa-metric": np.linalg.norm(operators - turned, axis=(1, 2)),
    }


def main(pairs: int) -> None:
    """Print least, median and largest distance of each solver."""
    print("| copies | solver | least | median | largest |\n|---|---|---|---|---|")
    for title, found in (
        ("relabelled, 16 units", relabelled(pairs, 16)),
        ("rotated, size 8", rotated(pairs, 8)),
        ("rotated, size 16", rotated(pairs, 16)),
    ):
        for solver, distances in found.items():
            low, middle, high = np.quantile(distances, (0, 0.5, 1))
            print(f"| {title} | {solver} | {low:.2g} | {middle:.2g} | {high:.2g} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=10, help="pairs of each kind (10)")
    main(parser.parse_args().pairs)
