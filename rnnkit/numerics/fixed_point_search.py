r"""Search for states at which a network stands still, from many starts of many networks at once.

With G(x) = F(x) - x, J = DF - I and the speed q(x) = |G|^2 / 2, all in float64:

- Levenberg-Marquardt: (J^T J + m I) s = -J^T G, taken when q falls; m starts at 1e-3, is divided by 10 then and
  multiplied by 4 otherwise. It finds a zero of G, or ends where J^T G = 0 and G is not: a slow point. Its basins
  are about equally large, which is why it comes first where it is cheap (paper "schur", specification of fixed points).
- Newton with backtracking by LU, first, from 128 states on: a product of two Jacobians costs more than an LU there.
- The last digits by Newton steps from an LU, whose factors serve several steps (normal equations square the condition
  number).
- The descent of the paper "abrupt-learning" (Algorithm 1): x <- x - rate grad |F(x) - x|^2, with the full gradient
  2 J^T G, a rate of 0.1 and 1000 steps. It is slow and mostly does not arrive; it is here by its name.

A Newton or Levenberg-Marquardt step that would leave the box in which all fixed points lie ends on its face, and one
that does not lower the speed is not taken.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnkit.errors import InputError
from rnnkit.numerics.autonomous_maps import AutonomousMap, FloatArray, TensorMap
from rnnkit.numerics.threads import one_thread

__all__ = ["DESCENT", "FIXED_SPEED", "SLOW_GRADIENT", "Descent", "Ends", "descend", "search"]

#: A speed below this is a zero of G to rounding; it proves nothing. Of states far from 1, see :attr:`Ends.still`.
FIXED_SPEED = 1e-24
#: Rounding of an element of G, as a share of the largest of the state: 32 u.
_ROUNDING = 2.0**-48
#: Below this the gradient of the speed counts as zero.
SLOW_GRADIENT = 1e-6
#: Below this distance from a kink, as a share of the inputs, a search that got stuck got stuck on it.
_AT_KINK = 1e-5

#: Where the search leaves over to Newton steps for the last digits, and where those stop.
_NEAR, _ARRIVED = 1e-6, 1e-30
_FIRST_DAMPING, _LAST_DAMPING = 1e-3, 1e9
_LEVENBERG_STEPS, _NEWTON_STEPS, _POLISH_STEPS, _CHORDS = 80, 30, 4, 3
#: From this size on an LU comes first.
_LARGE = 128
#: Entries of a block's Jacobians: 8 MB on a CPU, where they should stay in its cache.
_BLOCK = {"cpu": 2**20, "cuda": 2**26}


@dataclass(frozen=True)
class Descent:
    """How gradient descent goes: the paper's rate and number of steps by default.

    Raises
    ------
    InputError
        For a rate that is no positive number, or less than one step.

    Examples
    --------
    >>> Descent(rate=0.0)
    Traceback (most recent call last):
    rnnkit.errors.InputError: --descent-rate: 0 is not a rate (give a number above 0)
    """

    rate: float = 0.1
    steps: int = 1000

    def __post_init__(self) -> None:
        if not (math.isfinite(self.rate) and self.rate > 0):
            raise InputError("--descent-rate", f"{self.rate:g} is not a rate", "give a number above 0")
        if self.steps < 1:
            raise InputError("--descent-steps", f"{self.steps} is not a number of steps", "give 1 or more")


#: The paper's.
DESCENT = Descent()


@dataclass(frozen=True)
class Ends:
    """Where the search from each start ended.

    Attributes
    ----------
    states : (networks, starts, size) float64
    speed : (networks, starts) float64
        |F(x) - x|^2 / 2 at the state returned.
    gradient : (networks, starts) float64
        Norm of the gradient of the speed there.
    kink : (networks, starts) bool
        The search got stuck where a relu unit has its kink.
    unbounded : bool
        States have no common scale (relu, identity): rounding is then judged beside their size.
    stalled : (networks, starts) bool or None
        Where descent ended on what looks like a minimum: :func:`search`, begun there, gets no lower either. None: it
        is the search itself that ended here.
    """

    states: FloatArray
    speed: FloatArray
    gradient: FloatArray
    kink: NDArray[np.bool_]
    unbounded: bool = False
    stalled: NDArray[np.bool_] | None = None

    @property
    def still(self) -> NDArray[np.bool_]:
        """Zeros of G to rounding: a speed below FIXED_SPEED, or below that of 32 u of the largest state a unit."""
        if not self.unbounded:
            return self.speed < FIXED_SPEED
        with np.errstate(over="ignore", invalid="ignore"):
            rounding = _ROUNDING * np.abs(self.states).max(-1, initial=0.0)
            least = np.maximum(FIXED_SPEED, 0.5 * self.states.shape[-1] * rounding**2)
        return np.asarray(self.speed < least)

    @property
    def slow(self) -> NDArray[np.bool_]:
        """Minima of the speed, smooth or at a kink, where it is not zero."""
        looks = ~self.still & np.isfinite(self.speed) & ((self.gradient < SLOW_GRADIENT) | self.kink)
        return looks if self.stalled is None else looks & self.stalled

    def of(self, network: int, rows: NDArray[np.bool_]) -> Ends:
        """Return some ends of one network, without the axis of networks."""
        stalled = None if self.stalled is None else self.stalled[network][rows]
        held = (self.states, self.speed, self.gradient, self.kink)
        states, speed, gradient, kink = (value[network][rows] for value in held)
        return Ends(states, speed, gradient, kink, self.unbounded, stalled)


def search(
    system: AutonomousMap,
    starts: FloatArray,
    wanted: NDArray[np.bool_] | None = None,
    device: torch.device | None = None,
    report: Callable[[int], None] = lambda _: None,
) -> Ends:
    """Return where damped Newton searches end.

    Parameters
    ----------
    system : AutonomousMap
    starts : (networks, starts, size) float64
    wanted : (networks, starts) bool, optional
        Starts to search from; the others stay where they are, with a speed of infinity.
    device : torch.device, optional
        The CPU by default.
    report : callable
        Told how many starts have been searched from, block by block.

    Returns
    -------
    Ends

    Examples
    --------
    tanh(2 h) stands still at 0 and at two states that mirror each other:

    >>> two = AutonomousMap("outer", "tanh", 0.0, 1.0, np.full((1, 1, 1), 2.0), np.zeros((1, 1)), np.zeros((1, 1)))
    >>> search(two, np.array([[[-0.9], [0.1], [0.9]]])).states.ravel().round(4) + 0.0
    array([-0.9575,  0.    ,  0.9575])
    """

    def run(block: _Block) -> None:
        if system.size >= _LARGE:
            block.newton()
        block.levenberg(_NEAR)
        block.polish(_NEAR)
        # What Newton steps could not finish is close to a singular Jacobian, or at a minimum that is no zero.
        block.levenberg(FIXED_SPEED)
        block.polish(FIXED_SPEED)

    low, high = system.reach
    return _run(system, np.clip(starts, low[:, None], high[:, None]), wanted, device, report, run)


def descend(
    system: AutonomousMap,
    starts: FloatArray,
    wanted: NDArray[np.bool_] | None = None,
    device: torch.device | None = None,
    report: Callable[[int], None] = lambda _: None,
    how: Descent = DESCENT,
) -> Ends:
    """Return where gradient descent on |F(x) - x|^2 ends ("abrupt-learning", Algorithm 1).

    Parameters and result are those of :func:`search`, and the rate and number of steps. A step is taken whether the
    speed falls or not, so that a rate above what the map allows ends at infinity. `kink` says that the end lies at a
    relu unit's kink, whatever the speed does there.

    Examples
    --------
    >>> half = AutonomousMap("outer", "tanh", 0.0, 1.0, np.full((1, 1, 1), 0.5), np.zeros((1, 1)), np.zeros((1, 1)))
    >>> bool(descend(half, np.array([[[0.3]]])).still[0, 0])
    True
    """
    return _run(system, starts, wanted, device, report, lambda block: block.descend(how))


def _run(
    system: AutonomousMap,
    starts: FloatArray,
    wanted: NDArray[np.bool_] | None,
    device: torch.device | None,
    report: Callable[[int], None],
    run: Callable[[_Block], None],
) -> Ends:
    device = device or torch.device("cpu")
    shape = starts.shape[:2]
    wanted = np.ones(shape, dtype=bool) if wanted is None else wanted
    ends = Ends(
        starts.copy(),
        np.full(shape, np.inf),
        np.full(shape, np.inf),
        np.zeros(shape, dtype=bool),
        system.nonlinearity != "tanh",
    )
    tensors = system.tensors if device.type == "cpu" else TensorMap(system, device)
    with torch.inference_mode(), one_thread():
        for networks, part in _blocks(shape[0], shape[1], system.size, device):
            place = (networks, part)
            if wanted[place].any():
                x = torch.from_numpy(np.ascontiguousarray(starts[place])).to(device)
                block = _Block(tensors, networks, x, torch.from_numpy(wanted[place]).to(device).flatten())
                run(block)
                for held, found in zip(
                    (ends.states, ends.speed, ends.gradient, ends.kink), block.ends(x.shape[:2]), strict=True
                ):
                    held[place] = found.cpu().numpy()
                report(int(wanted[place].sum()))
    ends.speed[~wanted] = ends.gradient[~wanted] = np.inf
    return ends


def _blocks(networks: int, starts: int, size: int, device: torch.device) -> Iterator[tuple[slice, slice]]:
    """Cut networks x starts into blocks whose Jacobians fit: whole networks, or parts of one."""
    rows = max(1, _BLOCK[device.type] // size**2)
    together, apart = max(1, rows // max(1, starts)), min(rows, max(1, starts))
    for network in range(0, networks, together):
        for start in range(0, starts, apart):
            yield slice(network, min(network + together, networks)), slice(start, min(start + apart, starts))


class _Block:
    """Searches that are under way: rows are (network, start), flattened.

    F is evaluated for all rows at once, which costs a row two products with a matrix; Jacobians, which are cubic,
    are formed and solved only for the rows that need them.
    """

    def __init__(self, system: TensorMap, networks: slice, x: Tensor, wanted: Tensor) -> None:
        self.system, self.networks, self.wanted = system, networks, wanted
        self.shape = x.shape
        self.x = x.flatten(0, 1).clone()
        self.residual, self.coefficients, self.speed = self._evaluate(self.x)
        self.damping = torch.full_like(self.speed, _FIRST_DAMPING)
        first = torch.arange(networks.start, networks.stop, device=x.device)
        self.reach = (system.low[networks, None], system.high[networks, None])
        self.network = first.repeat_interleave(x.shape[1])

    def _evaluate(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return residual, coefficients and speed of all rows."""
        value, coefficients = self.system.linearise(x.view(self.shape), self.networks)
        residual = value.flatten(0, 1).sub_(x)
        speed = 0.5 * (residual * residual).sum(-1)
        return residual, coefficients.flatten(0, 1), torch.nan_to_num_(speed, nan=torch.inf, posinf=torch.inf)

    def _jacobian(self, rows: Tensor) -> Tensor:
        """Return DF - I of some rows."""
        jacobian = self.system.jacobian(self.coefficients[rows], self.network[rows])
        jacobian.diagonal(dim1=1, dim2=2).sub_(1.0)
        return jacobian

    def _move(self, rows: Tensor, steps: Tensor) -> Tensor:
        """Take the steps that lower the speed; return which they are."""
        trial = self.x.index_add(0, rows, steps)
        # No fixed point lies outside; far out, gates that saturate make the speed vanish where nothing stands still.
        trial = torch.clamp(trial.view(self.shape), *self.reach).flatten(0, 1)
        residual, coefficients, speed = self._evaluate(trial)
        better = speed < self.speed
        for held, found in (
            (self.x, trial),
            (self.residual, residual),
            (self.coefficients, coefficients),
            (self.speed, speed),
        ):
            held[better] = found[better]
        taken: Tensor = better[rows]
        return taken

    def _gradient(self) -> Tensor:
        """Return the norm of J^T G of all rows."""
        residual = self.residual.view(self.shape)
        coefficients = self.coefficients.view(*self.shape[:2], *self.coefficients.shape[1:])
        pulled = self.system.pull_back(coefficients, residual, self.networks) - residual
        norms: Tensor = torch.linalg.vector_norm(pulled.flatten(0, 1), dim=-1)
        return norms

    def newton(self) -> None:
        """Newton steps by LU, shortened until the speed falls; a row whose speed does not fall is left."""
        going = self.wanted & (self.speed > _NEAR)
        for _ in range(_NEWTON_STEPS):
            rows = going.nonzero()[:, 0]
            if not len(rows):
                return
            steps = self._solve(rows)
            length = torch.ones_like(self.speed[rows])
            moved = torch.zeros_like(length, dtype=torch.bool)
            for _ in range(8):
                short = ~moved
                moved[short] = self._move(rows[short], length[short, None] * steps[short])
                if moved.all():
                    break
                length[~moved] *= 0.35
            going[rows] = moved & (self.speed[rows] > _NEAR)

    def _solve(self, rows: Tensor) -> Tensor:
        """Return the full Newton steps of some rows; not finite where the Jacobian is singular."""
        factors, pivots, _ = torch.linalg.lu_factor_ex(self._jacobian(rows))
        steps: Tensor = torch.linalg.lu_solve(factors, pivots, self.residual[rows, :, None])
        return -steps[..., 0]

    def levenberg(self, until: float) -> None:
        """Levenberg-Marquardt steps until the speed is below `until`, or stands at a minimum."""
        self.damping.fill_(_FIRST_DAMPING)
        going = self.wanted & (self.speed > until)
        for _ in range(_LEVENBERG_STEPS):
            rows = going.nonzero()[:, 0]
            if not len(rows):
                return
            jacobian = self._jacobian(rows)
            slope = torch.bmm(jacobian.mT, self.residual[rows, :, None])
            normal = torch.bmm(jacobian.mT, jacobian)
            normal.diagonal(dim1=1, dim2=2).add_(self.damping[rows, None])
            factor, failed = torch.linalg.cholesky_ex(normal)
            steps = -torch.cholesky_solve(slope, factor)[..., 0]
            steps[failed > 0] = torch.nan
            moved = self._move(rows, steps)
            self.damping[rows] *= torch.where(moved, 0.1, 4.0)
            at_minimum = slope[..., 0].norm(dim=-1) < 1e-3 * SLOW_GRADIENT * (2 * self.speed[rows]).sqrt()
            going[rows] = (self.speed[rows] > until) & (self.damping[rows] < _LAST_DAMPING) & ~at_minimum

    def polish(self, below: float) -> None:
        """Newton steps for rows near a zero, several from each LU, as long as the speed falls."""
        going = self.wanted & (self.speed <= below) & (self.speed > _ARRIVED)
        for _ in range(_POLISH_STEPS):
            rows = going.nonzero()[:, 0]
            if not len(rows):
                return
            factors, pivots, _ = torch.linalg.lu_factor_ex(self._jacobian(rows))
            before = self.speed[rows]
            for _ in range(_CHORDS):
                steps = torch.linalg.lu_solve(factors, pivots, self.residual[rows, :, None])
                if not self._move(rows, -steps[..., 0]).any():
                    break
            going[rows] = (self.speed[rows] > _ARRIVED) & (self.speed[rows] < 0.5 * before)

    def descend(self, how: Descent) -> None:
        """Algorithm 1 of the paper: plain gradient descent on twice the speed, taken whether it falls or not."""
        shape = self.shape
        # A search that damps its steps is asked for kinks where it got stuck; this one, wherever it ends.
        self.damping.fill_(_LAST_DAMPING)
        for _ in range(how.steps):
            residual = self.residual.view(shape)
            coefficients = self.coefficients.view(*shape[:2], *self.coefficients.shape[1:])
            slope = self.system.pull_back(coefficients, residual, self.networks) - residual
            self.x -= 2 * how.rate * slope.flatten(0, 1)
            self.residual, self.coefficients, self.speed = self._evaluate(self.x)

    def ends(self, shape: tuple[int, ...]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return states, speeds, gradients and kinks, unflattened."""
        gradient = self._gradient()
        distance = self.system.kink_distance(self.x.view(self.shape), self.networks).flatten()
        kink = (distance < _AT_KINK) & (gradient >= SLOW_GRADIENT) & (self.damping >= _LAST_DAMPING)
        return self.x.view(self.shape), self.speed.view(shape), gradient.view(shape), kink.view(shape)
