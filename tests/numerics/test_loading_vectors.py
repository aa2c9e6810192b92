"""Which loading vectors there are, their overlaps, and what the loss sees of them."""

import numpy as np
import pytest

from rnnkit.numerics.loading_vectors import Layout, overlaps_of


@pytest.mark.parametrize(
    ("rank", "linear", "seen", "unseen"), [(1, True, 4, 6), (2, True, 9, 12), (1, False, 7, 3), (2, False, 15, 6)]
)
def test_counts_of_the_specification(rank: int, linear: bool, seen: int, unseen: int) -> None:
    layout = Layout(inputs=1, rank=rank, outputs=1)
    visible = layout.visible(linear)[layout.pairs()]
    assert (visible.sum(), (~visible).sum()) == (seen, unseen)


def test_unseen_by_a_nonlinear_network_are_the_overlaps_among_readers() -> None:
    layout = Layout(inputs=2, rank=1, outputs=1, bias=True, initial=True)
    names, visible = layout.names, layout.visible(False)
    unseen = {(names[i], names[j]) for i, j in zip(*layout.pairs(), strict=True) if not visible[i, j]}
    assert names == ("m1", "m2", "b", "h", "u", "v", "z")
    assert unseen == {("v", "v"), ("v", "z"), ("z", "z")}
    assert (layout.drives, layout.inner, layout.outer, layout.size) == (4, 5, 2, 7)


def test_overlaps_are_sums_over_units() -> None:
    vectors = np.random.default_rng(0).standard_normal((3, 50, 4))
    found = overlaps_of(vectors)
    assert np.array_equal(found, found.swapaxes(1, 2))
    for network, i, j in np.ndindex(3, 4, 4):
        assert found[network, i, j] == pytest.approx(sum(vectors[network, :, i] * vectors[network, :, j]) / 50)
