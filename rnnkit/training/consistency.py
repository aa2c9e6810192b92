"""Temporal consistency: a penalty on how far states move from step to step (paper "abrupt-learning", eq. 5).

    L_TCR = (1 / T) sum_{t=2..T} sum_{i <= N_reg} (x_i[t] - x_i[t-1])^2,

the mean over trials, whole trials, x the state h or, in `leaky`, the drive of the nonlinearity (the current). Its
gradient by the states joins that of the task's loss before the one backward scan.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from rnnkit.architectures import Architecture
from rnnkit.errors import InputError
from rnnkit.models import MODELS
from rnnkit.models.base import Trace, Workspace
from rnnkit.numerics.temporal_steps import add_step_penalty_
from rnnkit.training.settings import NetworkPlan, Settings

__all__ = ["Consistency", "check_consistency", "consistency_of", "first_units"]


@dataclass(frozen=True)
class Consistency:
    """Strengths of the penalty.

    Attributes
    ----------
    state, current : (networks, units)
        lambda where a unit's state, or current, is penalised, else 0.
    """

    state: Tensor
    current: Tensor

    def on_currents(self) -> bool:
        """Whether any network's currents are penalised."""
        return bool(self.current.any())

    def apply(self, trace: Trace, grad: Tensor, trials: int, work: Workspace) -> tuple[Trace, Tensor]:
        """Add the gradient by the states to `grad`; return the trace, with that by the currents, and the penalty.

        Parameters
        ----------
        grad : (networks, steps, trials of a piece, units)
            By the states, which must be what the readout sees.
        trials : int
            Of the whole batch.

        Returns
        -------
        trace : Trace
        penalty : (networks,) float64
            lambda L_TCR, the piece's share of it.
        """
        scale = 1.0 / (grad.shape[1] * trials)
        penalty = add_step_penalty_(trace.states, self.state * scale, grad)
        if not self.on_currents():
            return trace, penalty
        currents = trace.saved["currents"]
        by_current = work.get("current_gradient", tuple(currents.shape), currents).zero_()
        penalty = penalty + add_step_penalty_(currents, self.current * scale, by_current)
        return replace(trace, saved=trace.saved | {"current_gradient": by_current}), penalty


def first_units(counts: Sequence[int], units: int) -> Tensor:
    """Return which units are among the first so many, (networks, units) bool.

    Examples
    --------
    >>> first_units([1, 3], 3).int().tolist()
    [[1, 0, 0], [1, 1, 1]]
    """
    return torch.arange(units) < torch.tensor(list(counts))[:, None]


def consistency_of(plans: Sequence[NetworkPlan], like: Tensor) -> Consistency | None:
    """Return the penalty of networks that are trained together, of the type and on the device of `like`; or None."""
    if not any(plan.settings.tcr for plan in plans):
        return None
    units = plans[0].architecture.units
    among = first_units([plan.memory_units for plan in plans], units)

    def strengths(kind: str) -> Tensor:
        each = [plan.settings.tcr if plan.settings.tcr_on in (kind, "both") else 0.0 for plan in plans]
        return (torch.tensor(each, dtype=torch.float64)[:, None] * among).to(dtype=like.dtype, device=like.device)

    return Consistency(strengths("state"), strengths("current"))


def check_consistency(architecture: Architecture, settings: Settings) -> None:
    """Raise InputError where a family has no such penalty."""
    family, on = architecture.family, settings.tcr_on
    if on != "state" and not MODELS[family].has_currents:
        raise InputError("--tcr-on", f"'{on}' does not fit the '{family}' family", "use --tcr-on state, or leaky")
    if settings.tcr and architecture.spec.reads_rates:
        what = f"is not defined for the '{family}' family, whose state and rates differ"
        raise InputError("--tcr", what, "use leaky, plrnn, vanilla, gru or lstm")
