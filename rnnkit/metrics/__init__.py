"""The metrics by name. A new one is one module and one line here."""

from __future__ import annotations

from importlib import import_module

from rnnkit.errors import unknown_name
from rnnkit.metrics.base import Each, Metric, MetricOptions, Network, PairDistance, Reduction, acting_weights

__all__ = [
    "METRICS",
    "Each",
    "Metric",
    "MetricOptions",
    "Network",
    "PairDistance",
    "Reduction",
    "acting_weights",
    "get_metric",
]

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
