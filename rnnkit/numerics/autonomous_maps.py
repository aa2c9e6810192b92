"""The step of a network at a constant input as a map of its state, x <- F(x), with its Jacobian.

Four forms cover all families; W is the recurrent matrix, v the constant drive U u + b:

=========== ============================================ ===========================================
form        F                                            families
=========== ============================================ ===========================================
`outer`     keep h + gain phi(W h + v)                   vanilla (keep 0, gain 1), leaky
`inner`     keep h + gain (W phi(h) + v)                 current, mup (W = J / N), lowrank (W formed),
                                                         plrnn (keep a vector, A; gain 1)
`gru`       (1 - z) n + z h                              as PyTorch
`lstm`      (o tanh(c'), c') with c' = f c + i g         as PyTorch; the state is (h, c)
=========== ============================================ ===========================================
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit
from torch import Tensor

from rnnkit.errors import InputError

__all__ = ["FORMS", "AutonomousMap", "FloatArray", "TensorMap"]

FloatArray = NDArray[np.float64]

#: Blocks stacked in the recurrent matrix of each form.
FORMS = {"outer": 1, "inner": 1, "gru": 3, "lstm": 4}


@dataclass(frozen=True)
class AutonomousMap:
    """F at a constant input, for an ensemble of networks of one architecture and size. float64 numpy arrays.

    Attributes
    ----------
    form : str
        One of :data:`FORMS`.
    nonlinearity : str
        `tanh`, `relu` or `identity` (outer, inner); gated forms are `tanh`.
    keep : float or (networks, units) float64
        Share of the state that stays (outer, inner); of each unit, where it is an array.
    gain : float
        Factor on what comes in (outer, inner).
    recurrent : (networks, gates * units, units) float64
        Gates in PyTorch's order: r, z, n of the GRU; i, f, g, o of the LSTM.
    drive : (networks, gates * units) float64
        U u + b; for the n gate of a GRU without the bias inside the reset product.
    recurrent_bias : (networks, gates * units) float64
        The GRU's bias of the n gate that the reset gate multiplies; zero elsewhere.

    Raises
    ------
    InputError
        When the form is not known or a shape does not fit.

    Examples
    --------
    >>> one = AutonomousMap("outer", "tanh", 0.0, 1.0, np.full((1, 1, 1), 2.0), np.zeros((1, 1)), np.zeros((1, 1)))
    >>> one.jacobian(np.zeros((1, 1, 1)))[0, 0]
    array([[2.]])
    """

    form: str
    nonlinearity: str
    keep: float | FloatArray
    gain: float
    recurrent: FloatArray
    drive: FloatArray
    recurrent_bias: FloatArray

    def __post_init__(self) -> None:
        if self.form not in FORMS:
            raise InputError("form", f"unknown form '{self.form}' of a map", f"known: {', '.join(FORMS)}")
        if self.recurrent.ndim != 3:
            raise InputError("recurrent", f"has shape {self.recurrent.shape}", "give (networks, gates * units, units)")
        networks, rows, units = self.recurrent.shape
        if rows != FORMS[self.form] * units:
            raise InputError(
                "recurrent", f"has shape {self.recurrent.shape}", f"give {FORMS[self.form]} x {units} rows"
            )
        for name, held in (("drive", self.drive), ("recurrent_bias", self.recurrent_bias)):
            if held.shape != (networks, rows):
                raise InputError(name, f"has shape {held.shape}, expected {(networks, rows)}", "one number a row")
        if isinstance(self.keep, np.ndarray) and self.keep.shape != (networks, units):
            raise InputError("keep", f"has shape {self.keep.shape}, expected {(networks, units)}", "one number a unit")

    @property
    def networks(self) -> int:
        """Number of networks."""
        return int(self.recurrent.shape[0])

    @property
    def units(self) -> int:
        """Number of units."""
        return int(self.recurrent.shape[2])

    @property
    def states_per_unit(self) -> int:
        """2 for the LSTM, whose state is (h, c), else 1."""
        return 2 if self.form == "lstm" else 1

    @property
    def size(self) -> int:
        """Length of the state."""
        return self.states_per_unit * self.units

    @cached_property
    def kept(self) -> FloatArray:
        """Share of the state of each unit that stays, (networks, units)."""
        return np.broadcast_to(np.asarray(self.keep, dtype=np.float64), (self.networks, self.units))

    @cached_property
    def tensors(self) -> TensorMap:
        """The same map on the CPU, as tensors that share this memory."""
        return TensorMap(self, torch.device("cpu"))

    @cached_property
    def reach(self) -> tuple[FloatArray, FloatArray]:
        """Lowest and highest state that a fixed point can have, (networks, size) each; infinite without a bound.

        With s = gain / (1 - keep), keep from 0 to below 1: `outer` and the GRU |h| <= s (1 for the GRU), `inner`
        |h - s v| <= s |W| 1, the LSTM |h| <= 1 and |c| <= i / (1 - f) with the largest gates that such h allow. Widened
        by a billionth. F maps this box into itself.
        """
        networks, n = self.networks, self.units
        middle, radius = np.zeros((networks, self.size)), np.ones((networks, self.size))
        simple = self.form in ("outer", "inner")
        if self.nonlinearity != "tanh" or (simple and not bool(((self.kept >= 0.0) & (self.kept < 1.0)).all())):
            radius.fill(np.inf)
        elif self.form == "outer":
            radius *= self.gain / (1.0 - self.kept)
        elif self.form == "inner":
            scale = self.gain / (1.0 - self.kept)
            middle, radius = scale * self.drive, scale * np.abs(self.recurrent).sum(2)
        elif self.form == "lstm":
            largest = self.drive[:, : 2 * n] + np.abs(self.recurrent[:, : 2 * n]).sum(2)
            radius[:, n:] = expit(largest[:, :n]) / expit(-largest[:, n:])
        radius = radius + 1e-9 * (radius + np.abs(middle))
        return middle - radius, middle + radius

    def value(self, x: FloatArray) -> FloatArray:
        """Return F(x), (networks, starts, size), of states of that shape."""
        found: FloatArray = self.tensors.linearise(torch.from_numpy(np.array(x)))[0].numpy()
        return found

    def jacobian(self, x: FloatArray) -> FloatArray:
        """Return DF(x), (networks, starts, size, size), of states (networks, starts, size).

        The derivative of relu at 0 is taken as 0.
        """
        networks, starts, size = x.shape
        coefficients = self.tensors.linearise(torch.from_numpy(np.array(x)))[1]
        network = torch.arange(networks).repeat_interleave(starts)
        found: FloatArray = self.tensors.jacobian(coefficients.flatten(0, 1), network).numpy()
        return found.reshape(networks, starts, size, size)

    def only(self, network: int) -> AutonomousMap:
        """Return the map of one network, still with a network axis."""
        part = slice(network, network + 1)
        held = (self.recurrent[part], self.drive[part], self.recurrent_bias[part])
        keep = self.keep[part] if isinstance(self.keep, np.ndarray) else self.keep
        return AutonomousMap(self.form, self.nonlinearity, keep, self.gain, *held)


class TensorMap:
    """An :class:`AutonomousMap` on a device: the one place where the formulas stand.

    A Jacobian is a sum of diagonal matrices and of diagonal matrices times blocks of the recurrent matrix, so
    that it is carried as its diagonals, `coefficients`, and formed only where it is wanted.
    """

    def __init__(self, system: AutonomousMap, device: torch.device) -> None:
        self.form, self.nonlinearity = system.form, system.nonlinearity
        self.gain = system.gain
        self.networks, self.units, self.size = system.networks, system.units, system.size
        self.device = device
        self.recurrent, self.drive, self.bias, self.low, self.high = (
            torch.from_numpy(np.ascontiguousarray(held)).to(device)
            for held in (system.recurrent, system.drive, system.recurrent_bias, *system.reach)
        )
        self.keep = torch.from_numpy(np.array(system.kept)).to(device)
        self._keeps = bool(system.kept.any())

    def linearise(self, x: Tensor, networks: slice = slice(None)) -> tuple[Tensor, Tensor]:
        """Return F(x) and the coefficients of DF(x).

        Parameters
        ----------
        x : (networks, starts, size) float64
        networks : slice
            The networks that the first axis of `x` stands for.

        Returns
        -------
        value : (networks, starts, size)
        coefficients : (networks, starts, kinds, units)
            What :meth:`jacobian` takes; the kinds depend on the form.
        """
        weights, drive = self.recurrent[networks].transpose(1, 2), self.drive[networks, None]
        if self.form in ("outer", "inner"):
            return self._simple(x, weights, drive, self.keep[networks, None])
        return self._gru(x, weights, drive, networks) if self.form == "gru" else self._lstm(x, weights, drive)

    def jacobian(self, coefficients: Tensor, network: Tensor) -> Tensor:
        """Return DF, (rows, size, size), from coefficients (rows, kinds, units) and each row's network (rows,)."""
        n, weights = self.units, self.recurrent[network]
        if self.form == "outer":
            out = weights * coefficients[:, 0, :, None]
            out.diagonal(dim1=1, dim2=2).add_(self.keep[network])
        elif self.form == "inner":
            out = weights * coefficients[:, 0, None, :]
            out.diagonal(dim1=1, dim2=2).add_(self.keep[network])
        elif self.form == "gru":
            # Kinds: of W_r, W_z, W_n, and of the identity.
            out = (weights.view(-1, 3, n, n) * coefficients[:, :3, :, None]).sum(1)
            out.diagonal(dim1=1, dim2=2).add_(coefficients[:, 3])
        else:
            # Kinds: of W_i, W_f, W_g in dc'/dh; of W_o in dh'/dh; dh'/dc'; dc'/dc.
            by_cell = (weights.view(-1, 4, n, n)[:, :3] * coefficients[:, :3, :, None]).sum(1)
            out = weights.new_zeros(len(network), 2 * n, 2 * n)
            out[:, n:, :n] = by_cell
            out[:, :n, :n] = weights[:, 3 * n :] * coefficients[:, 3, :, None] + by_cell * coefficients[:, 4, :, None]
            out[:, n:, n:].diagonal(dim1=1, dim2=2).copy_(coefficients[:, 5])
            out[:, :n, n:].diagonal(dim1=1, dim2=2).copy_(coefficients[:, 4] * coefficients[:, 5])
        return out

    def pull_back(self, coefficients: Tensor, by: Tensor, networks: slice = slice(None)) -> Tensor:
        """Return DF^T by, (networks, starts, size), of vectors of that shape, with no Jacobian formed.

        Parameters
        ----------
        coefficients : (networks, starts, kinds, units)
        by : (networks, starts, size)
        """
        n, weights, kinds = self.units, self.recurrent[networks], coefficients.unbind(2)
        if self.form == "outer":
            return torch.baddbmm(self.keep[networks, None] * by, by * kinds[0], weights)
        if self.form == "inner":
            return self.keep[networks, None] * by + kinds[0] * torch.bmm(by, weights)
        if self.form == "gru":
            return torch.baddbmm(by * kinds[3], torch.cat([by * kind for kind in kinds[:3]], -1), weights)
        by_cell = by[..., n:] + by[..., :n] * kinds[4]
        rows = torch.cat([*(by_cell * kind for kind in kinds[:3]), by[..., :n] * kinds[3]], -1)
        return torch.cat([torch.bmm(rows, weights), by_cell * kinds[5]], -1)

    def kink_distance(self, x: Tensor, networks: slice = slice(None)) -> Tensor:
        """Return how near the nearest unit is to the kink of relu, (networks, starts); infinite without relu.

        As a share of the largest input of a unit, or of 1 where that is more.
        """
        if self.nonlinearity != "relu":
            return torch.full(x.shape[:2], torch.inf, dtype=x.dtype, device=x.device)
        if self.form == "outer":
            x = torch.baddbmm(self.drive[networks, None], x, self.recurrent[networks].transpose(1, 2))
        size = x.abs()
        return size.amin(-1) / size.amax(-1).clamp_min(1.0)

    def _simple(self, x: Tensor, weights: Tensor, drive: Tensor, keep: Tensor) -> tuple[Tensor, Tensor]:
        if self.form == "outer":
            rates, slope = self._activate(torch.baddbmm(drive, x, weights))
            value = rates.mul_(self.gain)
        else:
            rates, slope = self._activate(x)
            value = torch.baddbmm(drive, rates, weights).mul_(self.gain)
        if self._keeps:
            value = value.addcmul_(x, keep)
        return value, slope.mul_(self.gain)[:, :, None]

    def _activate(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return phi(x) and phi'(x), both new."""
        if self.nonlinearity == "tanh":
            value = x.tanh()
            return value, 1 - value * value
        if self.nonlinearity == "relu":
            return x.relu(), (x > 0).to(x.dtype)
        return x.clone(), torch.ones_like(x)

    def _gru(self, x: Tensor, weights: Tensor, drive: Tensor, networks: slice) -> tuple[Tensor, Tensor]:
        n = self.units
        product = torch.baddbmm(self.bias[networks, None], x, weights)
        gates = torch.sigmoid(product[..., : 2 * n] + drive[..., : 2 * n])
        reset, update, inner = gates[..., :n], gates[..., n:], product[..., 2 * n :]
        candidate = torch.tanh(drive[..., 2 * n :] + reset * inner)
        by_candidate = (1 - update) * (1 - candidate * candidate)
        kinds = (
            by_candidate * inner * reset * (1 - reset),
            (x - candidate) * update * (1 - update),
            by_candidate * reset,
            update,
        )
        return candidate + update * (x - candidate), torch.stack(kinds, 2)

    def _lstm(self, x: Tensor, weights: Tensor, drive: Tensor) -> tuple[Tensor, Tensor]:
        n = self.units
        i, f, g, o = torch.baddbmm(drive, x[..., :n], weights).split(n, dim=-1)
        i, f, o, g = torch.sigmoid(i), torch.sigmoid(f), torch.sigmoid(o), torch.tanh(g)
        before = x[..., n:]
        cell = f * before + i * g
        squashed = torch.tanh(cell)
        kinds = (
            g * i * (1 - i),
            before * f * (1 - f),
            i * (1 - g * g),
            squashed * o * (1 - o),
            o * (1 - squashed * squashed),
            f,
        )
        return torch.cat([o * squashed, cell], -1), torch.stack(kinds, 2)
