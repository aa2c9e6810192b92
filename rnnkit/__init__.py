"""rnnkit: train ensembles of task RNNs and take saved checkpoints apart.

The command line is in :mod:`rnnkit.cli`; the same stages are functions in :mod:`rnnkit.stages`.
"""

from rnnkit._version import __version__

__all__ = ["__version__"]
