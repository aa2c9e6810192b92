"""Model families, batched over networks: one module per family (see :mod:`rnnkit.architectures`)."""

from __future__ import annotations

from rnnkit.architectures import Architecture
from rnnkit.models.base import Model, Product, Trace, Weights, Workspace
from rnnkit.models.current import Current
from rnnkit.models.gru import Gru
from rnnkit.models.leaky import Leaky
from rnnkit.models.lowrank import LowRank
from rnnkit.models.lstm import Lstm
from rnnkit.models.mup import Mup
from rnnkit.models.plrnn import Plrnn
from rnnkit.models.vanilla import Vanilla

__all__ = ["MODELS", "Model", "Product", "Trace", "Weights", "Workspace", "make_model"]

MODELS: dict[str, type[Model]] = {
    model.family: model for model in (Vanilla, Mup, Leaky, Current, LowRank, Plrnn, Gru, Lstm)
}


def make_model(architecture: Architecture) -> Model:
    """Return the model of an architecture.

    Examples
    --------
    >>> make_model(Architecture(family="gru", units=4, inputs=1, outputs=1)).family
    'gru'
    """
    return MODELS[architecture.family](architecture)
