"""Plain arrays under any names: what fits comes in, what could be read in two ways is refused."""

import re

import numpy as np
import pytest
import scipy.io

from rnnkit.errors import InputError
from rnnkit.interop import import_network
from rnnkit.interop.arrays import from_arrays

NAMES = {"input.weight": "Win", "recurrent.weight": "W", "readout.weight": "Wout"}
LOW_RANK = {"recurrent.left": "m", "recurrent.right": "n", "input.weight": "Win", "readout.weight": "Wout"}
RNG = np.random.default_rng(0)
WIN, W, WOUT = RNG.normal(size=(5, 2)), RNG.normal(size=(5, 5)), RNG.normal(size=(1, 5))
FILE = {"Win": WIN, "W": W, "Wout": WOUT}


def take(file, names=NAMES, family="vanilla", transpose=()):
    return from_arrays(file, "net", family=family, names=names, transpose=transpose)[1]


def test_names_by_mapping():
    weights = take({**FILE, "b": np.ones(5), "other": np.ones(77)}, {**NAMES, "recurrent.bias": "b"})
    assert list(weights) == ["input.weight", "recurrent.weight", "recurrent.bias", "readout.weight"]
    np.testing.assert_array_equal(weights["recurrent.weight"], W)


@pytest.mark.parametrize("change", [str, lambda name: name.replace(".", "_")])
def test_native_names_need_no_mapping(change):
    weights = take({change(native): FILE[array] for native, array in NAMES.items()}, {})
    np.testing.assert_array_equal(weights["readout.weight"], WOUT)


def test_integers_and_vectors():
    weights = take({"Win": np.ones(5, np.int8), "W": np.eye(5, dtype=bool), "Wout": np.ones(5, np.float32)})
    assert {name: (value.shape, value.dtype.str) for name, value in weights.items()} == {
        "input.weight": ((5, 1), "<f8"),
        "recurrent.weight": ((5, 5), "<f8"),
        "readout.weight": ((1, 5), "<f4"),
    }


def test_transposed_input_beside_a_square_matrix_is_refused():
    """The file may well follow the other convention, and nothing in W could show it."""
    with pytest.raises(InputError, match=r"input.weight fits only when transposed, and recurrent.weight is square"):
        take({**FILE, "Win": WIN.T})
    weights = take({**FILE, "Win": WIN.T}, transpose={"input.weight"})
    np.testing.assert_array_equal(weights["input.weight"], WIN)
    np.testing.assert_array_equal(weights["recurrent.weight"], W)
    everything = {name: value.T for name, value in FILE.items()}
    weights = take(everything, transpose=set(NAMES))
    assert all((weights[native] == FILE[array]).all() for native, array in NAMES.items())
    with pytest.raises(InputError, match=r"input.weight, readout.weight fits only when transposed"):
        take(everything, transpose={"recurrent.weight"})


@pytest.mark.parametrize("low_rank", [True, False])
def test_transposed_of_itself_where_nothing_is_square(low_rank):
    left, right, stacked = RNG.normal(size=(5, 2)), RNG.normal(size=(5, 2)), RNG.normal(size=(15, 5))
    wide = RNG.normal(size=(15, 2))
    if low_rank:
        file = {
            "recurrent.left": left.T,
            "recurrent.right": right.T,
            "input.weight": WIN.T,
            "readout.weight": WOUT.T,
        }
        family, weights = from_arrays(file, "net")
        assert family == "lowrank"
        np.testing.assert_array_equal(weights["recurrent.left"], left)
        np.testing.assert_array_equal(weights["recurrent.right"], right)
    else:
        weights = take({"W": stacked.T, "Win": wide.T, "Wout": WOUT}, family="gru")
        np.testing.assert_array_equal(weights["recurrent.weight"], stacked)
        np.testing.assert_array_equal(weights["input.weight"], wide)
    square = {"W": stacked.T, "Win": wide.T, "Wout": np.eye(5)}
    if not low_rank:
        with pytest.raises(InputError, match=r"readout.weight is square"):
            take(square, family="gru")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: from_arrays(FILE, "net", names=NAMES), "--model: not given"),
        (lambda: take(FILE, family="vanila"), "did you mean 'vanilla'?"),
        (lambda: take(FILE, {**NAMES, "recurent.bias": "W"}), "did you mean 'recurrent.bias'?"),
        (lambda: take(FILE, {**NAMES, "recurrent.weight": "Wrec"}), "unknown array 'Wrec'"),
        (
            lambda: take(FILE, {"input.weight": "Win", "recurrent.weight": "W"}),
            "no array for 'readout.weight'",
        ),
        (lambda: take(FILE, transpose={"recurrent.bias"}), "unknown tensor 'recurrent.bias'"),
        (lambda: take({**FILE, "W": W[:4]}), "(4, 5), expected (N, N)"),
        (lambda: take({**FILE, "W": W[None]}), "(1, 5, 5), expected (N, N)"),
        (lambda: take(FILE, family="gru"), "(5, 5), expected (3N, N)"),
        (lambda: take({**FILE, "Win": WIN[:4]}), "(4, 2), expected (5, any)"),
        (lambda: take({**FILE, "Wout": WOUT[:, :4]}), "(1, 4), expected (any, 5)"),
        (lambda: take({**FILE, "c": np.ones(2)}, {**NAMES, "readout.bias": "c"}), "(2,), expected (1,)"),
        (
            lambda: take({**FILE, "c": np.ones(1)}, {**NAMES, "readout.bias": "c"}, "mup"),
            "no place in a mup network",
        ),
        (
            lambda: take({"recurrent.weight": W, "recurent.bias": W}, {}),
            "arrays with no place: recurent.bias",
        ),
        (
            lambda: take({"m": W[0, 0], "n": W, "Win": WIN, "Wout": WOUT}, LOW_RANK, "lowrank"),
            "shape (), expected (N, R)",
        ),
    ],
)
def test_refused(make, message):
    with pytest.raises(InputError, match=re.escape(message)):
        make()


def test_matlab_columns_and_constants(tmp_path):
    """MATLAB has no vectors, and its whole-numbered doubles arrive as doubles."""
    path = tmp_path / "net.mat"
    content = {**FILE, "W": W.astype(np.float32), "b": np.ones((5, 1)), "h0": np.zeros((1, 5)), "c": 3.0}
    scipy.io.savemat(path, {**content, "note": "text"})
    names = {**NAMES, "recurrent.bias": "b", "initial_state": "h0", "readout.bias": "c"}
    net = import_network(path, arrays=names, family="leaky", alpha=0.5, nonlinearity="relu", gamma=2.0)
    assert (net.architecture.rate, net.architecture.nonlinearity, net.architecture.gamma) == (
        0.5,
        "relu",
        2.0,
    )
    assert net.weights["recurrent.bias"].shape == net.weights["initial_state"].shape == (5,)
    assert net.weights["readout.bias"].tolist() == [3.0]
    assert net.weights["recurrent.weight"].dtype == np.float32
