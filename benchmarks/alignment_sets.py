"""Three sets of 40 pairs of operators, of norm 1, and the least distance known of each pair.

``python benchmarks/alignment_sets.py`` searches from 1,000 starts, recombines, and writes best_known_alignments.json,
where it is better than what stands there. The benchmarks judge by it.

- `trained`: ten networks trained on the flip-flop, 40 of their 45 pairs (fixtures/make_operators.py), at two sizes.
- `random`: operators of equal spectra, 14 pairs of size 12, 13 of 36 and 13 of 90. A random matrix's real Schur form
  keeps its diagonal blocks; what is above them is drawn anew, and all is turned by a random rotation.
- `external`: eight networks trained by others on delayed discrimination, from ../shared/external. 12 components at 3
  delays, 28 pairs of size 36; at 2 delays, the first 12 of size 24.
"""

from __future__ import annotations

import itertools
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.linalg import schur

from rnnkit.atomic import atomic_path
from rnnkit.interop import import_network
from rnnkit.models.ensembles import run_networks
from rnnkit.numerics.dmd import fit_operators, principal_components
from rnnkit.numerics.orthogonal_alignment import align_orthogonal
from rnnkit.stages.evaluation import TaskChoice, sample_trials

ROOT = Path(__file__).resolve().parents[1]
OPERATORS = ROOT / "fixtures" / "operators.npz"
EXTERNAL = ROOT.parent / "shared" / "external" / "delayed_discrimination"
BEST_KNOWN = Path(__file__).with_name("best_known_alignments.json")
STARTS, ROUNDS = 1000, 3

Pairs = tuple[np.ndarray, np.ndarray]


def of_norm_one(operators: np.ndarray) -> np.ndarray:
    return operators / np.linalg.norm(operators, axis=(1, 2), keepdims=True)


def pairs_among(operators: np.ndarray, most: int) -> Pairs:
    """Both sides of the first pairs of networks."""
    first, second = np.array(list(itertools.combinations(range(len(operators)), 2))[:most]).T
    return operators[first], operators[second]


def trained(size: int) -> Pairs:
    with np.load(OPERATORS) as stored:
        return pairs_among(of_norm_one(stored[f"size_{size}"]), 40)


def equal_spectra(size: int, pairs: int) -> Pairs:
    rng = np.random.default_rng(size)
    form, _ = schur(rng.normal(size=(size, size)), output="real")
    below = np.diag(form, -1) != 0
    free = np.triu(np.ones((size, size), dtype=bool), 1)
    free[:-1, 1:][np.diag(below)] = False  # inside the blocks of complex pairs
    drawn = []
    for _ in range(2 * pairs):
        turn = np.linalg.qr(rng.normal(size=(size, size)))[0]
        drawn.append(turn @ np.where(free, rng.normal(size=(size, size)), form) @ turn.T)
    operators = of_norm_one(np.array(drawn))
    return operators[:pairs], operators[pairs:]


def external(delays: int, pairs: int) -> Pairs:
    """Operators of the networks in whitened coordinates, as `rnnkit compare --components 12 --delay DELAYS` fits them.

    Raises FileNotFoundError where the networks are not there.
    """
    files = sorted(EXTERNAL.glob("*/*/weights.pt"))
    if not files:
        raise FileNotFoundError(EXTERNAL)
    parameters = {"timeline": "pulsed"}
    networks = [import_network(file, task="delayed-discrimination", task_parameters=parameters) for file in files]
    task = TaskChoice().of(networks[0])
    assert task is not None
    inputs = sample_trials(task, 100, 0).inputs[0]
    operators = []
    for network in networks:
        (run,) = run_networks([network], inputs, "cpu")
        projected = principal_components(run.hidden[None]).project(run.hidden[None], 12)
        operators.append(fit_operators(projected, delays).operator[0])
    return pairs_among(of_norm_one(np.array(operators)), pairs)


#: Parts of the sets, each of one size.
PARTS: dict[str, dict[str, Callable[[], Pairs]]] = {
    "trained": {f"size {size}": lambda size=size: trained(size) for size in (15, 36)},
    "random": {
        "size 12": lambda: equal_spectra(12, 14),
        "size 36": lambda: equal_spectra(36, 13),
        "size 90": lambda: equal_spectra(90, 13),
    },
    "external": {"size 36": lambda: external(3, 28), "size 24": lambda: external(2, 12)},
}


def best_known(group: str, part: str) -> np.ndarray | None:
    """The least distance known of each pair, or None."""
    if not BEST_KNOWN.exists():
        return None
    held = json.loads(BEST_KNOWN.read_text())
    found = held.get(group, {}).get(part)
    return None if found is None else np.array(found)


def main() -> None:
    """Search all sets, or those named; keep what is better than what was known."""
    held = json.loads(BEST_KNOWN.read_text()) if BEST_KNOWN.exists() else {}
    for group, parts in PARTS.items():
        if sys.argv[1:] and group not in sys.argv[1:]:
            continue
        for part, make in parts.items():
            a, b = make()
            began = time.perf_counter()
            found = align_orthogonal(a, b, starts=STARTS, rounds=ROUNDS, bound="spectra", seed=1).distance
            before = best_known(group, part)
            best = found if before is None else np.minimum(found, before)
            held.setdefault(group, {})[part] = [round(float(one), 9) for one in best]
            with atomic_path(BEST_KNOWN) as temporary:
                temporary.write_text(json.dumps(held, indent=1) + "\n")
            print(f"{group}, {part}: mean {best.mean():.5f}, {time.perf_counter() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
