"""What is said of tables whose numbers are known."""

import pandas as pd
import pytest

from rnnkit.plots.words import number
from rnnkit.report.sentences import SENTENCES
from rnnkit.schemas import SCHEMAS
from tests.plots import planted
from tests.report.planted import summary

FRAMES = {
    "info": pd.DataFrame(
        {"task": ["sine", "sine", None], "model": "mup", "units": 8, "status": ["converged", "budget", "imported"]}
    ),
    "training": planted.training(3).to_pandas(),
    "summary": summary(planted.names(5)).to_pandas(),
    "comparisons": pd.DataFrame({"metric": ["dsa", "dsa", "pif"], "distance": [1.0, 3.0, None]}),
    "degeneracy": pd.DataFrame(
        {
            "level": ["dynamics", "weights", "weights"],
            "metric": ["dsa", "pif", "pif"],
            "value": [0.5, 1.0, 3.0],
            "ci_low": [0.25, None, None],
            "ci_high": [0.75, None, None],
        }
    ),
    "embedding": pd.DataFrame({"metric": ["dsa"] * 2, "clusters": [2.0] * 2, "cluster_p_value": [0.01] * 2}),
    "fixedpoints": planted.fixedpoints(2).to_pandas(),
    "ablations": planted.ablations(3).to_pandas(),
    "feature_learning": pd.DataFrame(
        {
            "kernel_alignment": [0.2, 0.4],
            "representation_alignment": [None, None],
            "weight_change_norm_relative": [1.5, 1.5],
        },
        dtype=float,
    ),
    "overlaps": pd.DataFrame(
        {"value": [-0.5, 1.0, 3.0, 7.0, None], "visible": [True, False, False, None, True]}, dtype=object
    ).astype({"value": float}),
    "overlap_theory": planted.overlap_theory(2).to_pandas(),
    "conserved": pd.DataFrame(
        {
            "quantity": ["I1", "uu-vv", "I1", "uu-vv", "mm-zz"],
            "drift": [0.0, 0.0, -0.5, None, 2.0],
            "holds": [True, True, True, True, False],
        }
    ),
    "gram_matrix": planted.gram_matrix(2).to_pandas(),
    "truncations": pd.DataFrame(
        {"rank": [1, 1, 2, 3], "share_of_norm": [0.2, 0.4, 0.9, None], "rollout_distance": [0.1, None, None, None]}
    ),
    "weight_updates": planted.weight_updates(2).to_pandas(),
    "weight_events": pd.DataFrame(
        {
            "kind": ["onset", "hidden", "onset", "onset", "onset"],
            "update": [2.0, 9.0, 2.0, 2.0, None],
            "update_before": [3.0, 1.0, 1.0, None, None],
            "update_after": [1.0, 1.0, 1.0, 4.0, None],
            "status": ["ok", "ok", "ok", "nothing_before", "no_onset"],
        }
    ),
    "path_dependence": pd.DataFrame(
        {
            "measure": ["memory", "memory", "memory", "divergence"],
            "kind": ["unseen", "unseen", "visible", "unseen"],
            "ratio": [0.25, 0.75, None, 0.5],
            "ratio_beyond_control": [0.125, None, None, None],
        }
    ),
    "carried_overlaps": pd.DataFrame(
        {
            "network": ["a", "a", "a"],
            "phase": [1, 2, 2],
            "start": [0.0, 0.0, 1.0],
            "measured": [9.0, 2.0, 1.5],
            "carried": [9.5, 2.25, 1.5],
            "deviation": [0.5, 0.25, 0.0],
        }
    ),
    "onsets": pd.DataFrame(
        {"network": list("abc"), "crossing": [100.0, None, 300.0], "censored": [False, True, False]}
        | {"status": ["ok", "no_end", "ok"]}
    ),
    "freeze_in": pd.DataFrame(
        {
            "network": ["a", "a", "a", "b", "b"],
            "epoch": [0, 8, 8, 8, 8],
            "point": [None, 0.0, 1.0, 0.0, None],
            "certified": [None, True, False, True, None],
            "abscissa": [None, -0.5, -0.25, -0.75, None],
        }
    ),
    "latent": pd.DataFrame(
        {"network": list("aabb"), "step": [0, 5, 5, 0], "fixed_points": [1, 3, 1, None]}
        | {"flatness": [0.1, 0.5, 0.25, None], "outside": [0, 0, 1, None]}
    ),
    "memory_demand": pd.DataFrame({"task": ["sine", "sine", "copy"], "h_star": [2, 2, 11]}),
}
SAID = {
    "info": [
        "2 networks on sine: mup, 8 units (1 converged, 1 budget).",
        "1 network of no task: mup, 8 units (1 imported).",
    ],
    "training": [
        "Training of 3 networks ended after 5 epochs (2 converged, 1 diverged) with a validation loss of 0.2 to 0.6, "
        "median 0.4."
    ],
    "summary": ["On flipflop: fraction of variance unexplained 0 to 0.3, median 0.15."],
    "comparisons": ["Distances between networks: dsa 1 to 3, median 2 (2 pairs); pif no number (0 pairs)."],
    "degeneracy": [
        "Degeneracy of dynamics, with 95 % intervals: dsa 0.5 [0.25, 0.75].",
        "Degeneracy of weights, with 95 % intervals: pif 1 to 3, median 2 over 2 groups.",
    ],
    "embedding": ["The best cut of the networks: 2 clusters by dsa (p = 0.01 for only one)."],
    "fixedpoints": [
        "6 fixed points of 2 networks, 3 at each constant input: 4 stable, 6 proven, beside 2 slow points."
    ],
    "ablations": ["Median loss of variance explained when a block is removed: CC 0; RR 0.333; CR 1."],
    "feature_learning": [
        "How far training moved the networks: kernel alignment 0.2 to 0.4, median 0.3; relative change of the "
        "recurrent weights 1.5."
    ],
    "overlaps": ["Sizes of overlaps: seen by the loss, 0.5; not seen, 1 to 3, median 2."],
    "overlap_theory": [
        "Largest deviations of the theory (descent) from training: overlaps 0 where they move by up to 0.4; losses 0 "
        "of up to 1 at first.",
        "Largest deviations of the theory (flow) from training: overlaps 0.94 where they move by up to 0.4; losses 0.1 "
        "of up to 1 at first.",
    ],
    "conserved": [
        "What gradient flow conserves drifted by up to: I1 0.5; uu-vv 0.",
        "What it does not conserve here drifted by up to: mm-zz 2.",
    ],
    "gram_matrix": [
        "Augmented Gram matrices of 2 networks: 10 overlaps, of them seen by the loss 4; entries that a slope of the "
        "loss goes through: 28."
    ],
    "truncations": [
        "Truncated to rank 1: share of the norm 0.2 to 0.4, median 0.3; distance of the outputs 0.1.",
        "Truncated to rank 2: share of the norm 0.9.",
    ],
    "path_dependence": [
        "Left of the way to another task and back: unseen overlaps 0.25 to 0.75, median 0.5 (0.125 beyond the "
        "control).",
        "Apart after the same last task, of the distance before it: unseen overlaps 0.5.",
    ],
    "carried_overlaps": ["Unseen overlaps carried along the visible path are off by up to 0.5 of moves of 9."],
    "onsets": ["Searches of 3 networks (2 ok, 1 no_end): median crossing 300 steps, censored ones included."],
    "freeze_in": [
        "After 8 presentations 2 networks settle at 1 to 2 points, of 2 cues, certified 1; largest abscissa -0.25."
    ],
    "latent": [
        "Fixed points of the latent circuit at the last step: 1 network with 1, 1 network with 3; flatness 0.25 to "
        "0.5, median 0.375.",
        "Beyond the range there are more, in 1 network.",
    ],
    "memory_demand": ["Memory demand: sine 2 steps; copy 11 steps."],
    "weight_updates": [
        "Cosine of updates and the way left: 0.15 in the first half of training, 0.4 in the second; 2 and 2 times that "
        "of a random walk (medians, 2 networks).",
        "Sudden updates that last: 2 explicit, 2 hidden.",
    ],
    "weight_events": [
        "Updates at the onset are larger than after it in 2 of 3 networks; before it in 1 of 2 networks.",
        "1 network without an onset.",
    ],
}


@pytest.mark.parametrize("name", SENTENCES)
def test_sentence(name):
    sentence = SENTENCES[name]
    optional = {column.name for column in SCHEMAS[name].columns if column.optional}
    assert set(sentence.columns) - {"system"} - optional <= set(FRAMES[name].columns)
    assert all(SCHEMAS[name].column(column) for column in sentence.columns)
    held = FRAMES[name][[column for column in sentence.columns if column in FRAMES[name].columns]]
    assert sentence.say(held) == SAID[name]


def test_no_points_are_no_error():
    rows = planted.fixedpoints(2).to_pandas().assign(kind=None)
    assert SENTENCES["fixedpoints"].say(rows) == ["No fixed point was found in 2 networks."]
    assert number(float("nan")) == "none"


def test_a_median_over_searches_that_mostly_went_on():
    rows = pd.DataFrame({"network": list("abc"), "crossing": [100.0, None, None], "status": ["ok", "no_end", "no_end"]})
    assert SENTENCES["onsets"].say(rows)[0].endswith("fewer than half crossed, censored ones included.")


def test_points_along_training_are_those_of_the_solver_after_the_last_step():
    rows = planted.landscape(2).to_pandas()
    assert SENTENCES["fixedpoints"].say(rows) == [
        "8 fixed points of 2 networks, 4 at each constant input after the last step: 6 stable, 6 proven, beside 4 slow "
        "points."
    ]
