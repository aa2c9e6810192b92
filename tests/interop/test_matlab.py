"""MATLAB files against scipy's reader where they are whole, and refused where they are not."""

import struct

import numpy as np
import pytest
import scipy.io
import scipy.sparse

from rnnkit.errors import FileError
from rnnkit.interop.matlab import read_mat

RNG = np.random.default_rng(0)
CONTENT = {
    "double": RNG.normal(size=(3, 4)),
    "single": RNG.normal(size=(2, 3, 4)).astype(np.float32),
    "row": np.arange(5, dtype=np.int8),
    "large": np.array([[2**63 + 1]], dtype=np.uint64),
    "empty": np.zeros((0, 3)),
    "sparse": scipy.sparse.random_array((7, 5), density=0.3, rng=RNG).tocsc(),
    "nothing": scipy.sparse.csc_array((3, 3)),
    "text": "héllo ∑",
    "abcd": np.float32(2.5),
    "three": np.ones(3, np.int8),
}
LEFT_OUT = {"cell": np.array([1, "x"], dtype=object), "structure": {"a": {"b": 1}}, "lines": np.array(["ab", "cd"])}


@pytest.mark.parametrize("compressed", [True, False])
def test_agrees_with_scipy(compressed, tmp_path):
    path = tmp_path / "net.mat"
    scipy.io.savemat(path, CONTENT | LEFT_OUT | {"z": np.array([[1 + 2j, 3]])}, do_compression=compressed)
    found, oracle = read_mat(path), scipy.io.loadmat(path)
    assert found.pop("z").tolist() == [[1 + 2j, 3]]
    assert found.keys() == CONTENT.keys()
    for name, value in found.items():
        wanted = oracle[name].toarray() if scipy.sparse.issparse(oracle[name]) else oracle[name]
        assert (value.dtype, value.shape) == (wanted.dtype, wanted.shape)
        np.testing.assert_array_equal(value, wanted)


def element(order, kind, data):
    return struct.pack(order + "II", kind, len(data)) + data + bytes(-len(data) % 8)


def file(order, *, array_class=6, stored=(2, b"\x01\x02\x03\x04"), shape=(2, 2), version=0x0100):
    """A file with one array `W`, doubles stored as bytes as MATLAB does with whole numbers."""
    parts = element(order, 6, struct.pack(order + "II", array_class, 0))
    parts += element(order, 5, struct.pack(order + "ii", *shape)) + element(order, 1, b"W")
    parts += element(order, *stored)
    mark = struct.pack(order + "HH", version, 0x4D49)
    return b"MATLAB 5.0 MAT-file".ljust(124) + mark + element(order, 14, parts)


@pytest.mark.parametrize("order", ["<", ">"])
def test_both_byte_orders_and_whole_numbers(order, tmp_path):
    (tmp_path / "net.mat").write_bytes(file(order))
    found = read_mat(tmp_path / "net.mat")["W"]
    assert found.dtype == np.float64
    assert found.tolist() == [[1.0, 3.0], [2.0, 4.0]]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"array_class": 18}, "damaged"),
        ({"array_class": 0}, "damaged"),
        ({"stored": (200, b"1234")}, "damaged"),
        ({"stored": (9, b"1234")}, "damaged"),
        ({"shape": (2, 3)}, "damaged"),
        ({"shape": (-1, -4)}, "damaged"),
        ({"version": 0x0200}, r"v7\.3"),
    ],
)
def test_bad_codes_and_sizes(settings, message, tmp_path):
    """The first of these codes are table indices elsewhere, and take the interpreter down."""
    (tmp_path / "net.mat").write_bytes(file("<", **settings))
    with pytest.raises(FileError, match=message):
        read_mat(tmp_path / "net.mat")
