"""The metrics by name. A new one is one module and one line here."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

from rnnkit.errors import InputError, unknown_name
from rnnkit.metrics.base import (
    Each,
    Metric,
    MetricOptions,
    Network,
    PairDistance,
    Reduction,
    acting_readout,
    acting_weights,
)
from rnnkit.numerics.reference_solvers import PACKAGES, require_package

__all__ = [
    "METRICS",
    "SOLVERS",
    "Each",
    "Metric",
    "MetricOptions",
    "Network",
    "PairDistance",
    "Reduction",
    "acting_readout",
    "acting_weights",
    "check_solver",
    "get_metric",
]

#: Whose solvers there are.
SOLVERS = ("rnnkit", *PACKAGES)

METRICS: dict[str, str] = {
    "dsa": "rnnkit.metrics.dsa:Dsa",
    "dsa-angular": "rnnkit.metrics.dsa_angular:DsaAngular",
    "dsa-wasserstein": "rnnkit.metrics.dsa_wasserstein:DsaWasserstein",
    "input-dsa": "rnnkit.metrics.input_dsa:InputDsa",
    "pif": "rnnkit.metrics.pif:Pif",
    "pif-initial": "rnnkit.metrics.pif:PifInitial",
    "frobenius": "rnnkit.metrics.frobenius:Frobenius",
    "spectrum": "rnnkit.metrics.spectrum:Spectrum",
    "svcca": "rnnkit.metrics.svcca:SvccaMetric",
    "cka": "rnnkit.metrics.cka:Cka",
    "procrustes": "rnnkit.metrics.procrustes:Procrustes",
    "behaviour": "rnnkit.metrics.behaviour:Behaviour",
    "behaviour-ood": "rnnkit.metrics.behaviour:BehaviourOod",
}


def get_metric(name: str) -> Metric:
    """Return the metric of that name.

    Examples
    --------
    >>> get_metric("pif").level
    'weights'
    """
    if name not in METRICS:
        raise unknown_name("--metric", name, METRICS, "metric")
    module, _, member = METRICS[name].partition(":")
    metric: Metric = getattr(import_module(module), member)()
    return metric


def check_solver(options: MetricOptions, metrics: Sequence[Metric]) -> None:
    """Refuse a solver that is unknown, has no part in these metrics or their options, or is not installed.

    Raises
    ------
    InputError

    Examples
    --------
    >>> check_solver(MetricOptions(solver="rnnkit"), [get_metric("svcca")])
    """
    name = options.solver
    if name not in SOLVERS:
        raise unknown_name("--solver", name, SOLVERS, "solver")
    if name == "rnnkit":
        return
    if all(metric.solver(options) != name for metric in metrics):
        taking = ", ".join(metric for metric in METRICS if name in get_metric(metric).solvers)
        what = f"{name} has no part in {', '.join(metric.name for metric in metrics)}"
        raise InputError("--solver", what, f"it is for {taking}")
    if name == "qc-procrustes" and options.match != "weights":
        raise InputError("--match", f"{options.match} is more than qc-procrustes can match", "leave it out")
    require_package(name)
