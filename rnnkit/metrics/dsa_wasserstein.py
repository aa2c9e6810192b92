"""`dsa-wasserstein`: optimal transport between the eigenvalues of the forward operators (Redman et al. 2024)."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from rnnkit.metrics.base import MetricOptions, PairDistance
from rnnkit.metrics.dsa import Dsa
from rnnkit.numerics.spectra import spectral_distance

__all__ = ["DsaWasserstein"]


class DsaWasserstein(Dsa):
    """Distance of the eigenvalues of the networks' linear forward operators."""

    name = "dsa-wasserstein"
    reduction = "dsa"
    definition = (
        "min over matchings of sqrt(mean |lambda_i - mu_i|^2), the eigenvalues of the operators A and B of dsa: "
        "the root of the score 'wasserstein' of dsa-metric"
    )
    solvers: ClassVar[tuple[str, ...]] = ()

    def between(self, a: NDArray[np.float64], b: NDArray[np.float64], options: MetricOptions) -> list[PairDistance]:
        """Match the eigenvalues of each pair, exactly."""
        found = spectral_distance(*(np.linalg.eigvals(x).astype(np.complex128) for x in (a, b)))
        return [PairDistance(float(distance), "exact") for distance in found]
