"""`input-dsa`: dynamical similarity of driven networks, recurrence and inputs compared jointly."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, cast

import numpy as np
from numpy.typing import NDArray

from rnnkit.metrics.base import MetricOptions, Network, PairDistance
from rnnkit.metrics.dsa import Dsa, pair_distances
from rnnkit.numerics.alignment_bounds import Effort
from rnnkit.numerics.driven_dmd import fit_driven_operator
from rnnkit.numerics.input_alignment import align_driven

__all__ = ["InputDsa"]


class InputDsa(Dsa):
    """Distance of the networks' forward operators and of what inputs add, up to one rotation of both."""

    name = "input-dsa"
    definition = (
        "min over Q in O(n) of sqrt(|A1 - Q A2 Q^T|_F^2 + |B1 - Q B2|_F^2), x(t + 1) = A x(t) + B u fitted by least "
        "squares on states and inputs jointly; relative: the same of (A, B) divided by sqrt(|A|_F^2 + |B|_F^2)"
    )
    solvers: ClassVar[tuple[str, ...]] = ()

    @property
    def activity_alone(self) -> bool:
        """False: what drove a recording is not known."""
        return False

    def fit(
        self, projected: NDArray[np.float64], network: Network, delays: int, basis: Literal["whitened", "pc"]
    ) -> tuple[NDArray[np.float64], str, int]:
        """Return the operators [A, B] side by side, status and rank of one network."""
        found = fit_driven_operator(projected[0], np.asarray(network.inputs), delays, basis)
        return np.concatenate([found.operator, found.drive], axis=1), found.status, found.rank

    def between(self, a: NDArray[np.float64], b: NDArray[np.float64], options: MetricOptions) -> list[PairDistance]:
        """Align [A, B] of each pair, (pairs, size, size + inputs) both."""
        size = a.shape[1]
        extra: dict[str, Any] = {} if options.starts is None else {"starts": options.starts}
        found = align_driven(
            a[..., :size],
            b[..., :size],
            a[..., size:],
            b[..., size:],
            bound=cast(Effort, options.bound),
            seed=options.seed,
            device=options.device,
            workers=options.threads,
            **extra,
        )
        q = found.rotation
        turned = np.concatenate([q @ b[..., :size] @ q.mT, q @ b[..., size:]], axis=2)
        return pair_distances(a, b, turned, found)
