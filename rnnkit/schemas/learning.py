"""Tables of what training changed, and of what tasks ask for."""

from __future__ import annotations

from rnnkit.schemas.columns import NETWORK, STATUS, Column, Schema

__all__ = ["EIGENVALUES", "FEATURE_LEARNING", "MEMORY_DEMAND", "ONSETS"]

FEATURE_LEARNING = Schema(
    "feature_learning",
    1,
    "How far weights, tangent kernel and representation of a network moved in training.",
    ("network",),
    (
        NETWORK,
        Column(
            "weight_change_norm",
            "float64",
            "weight units",
            "norm of the change of the recurrent weights that act, divided by their number",
            True,
        ),
        Column("weight_change_norm_relative", "float64", "share", "that norm over the norm before training", True),
        Column("weight_change_norm_absolute", "float64", "weight units", "that norm itself", True),
        Column("kernel_alignment", "float64", "from 0 to 1", "of the tangent kernels after training and before", True),
        Column("representation_alignment", "float64", "from 0 to 1", "of the states after training and before", True),
        Column("input_change_norm", "float64", "weight units", "as weight_change_norm, of the input weights", True),
        Column("input_change_norm_relative", "float64", "share", "likewise", True),
        Column("input_change_norm_absolute", "float64", "weight units", "likewise", True),
        Column(
            "readout_change_norm",
            "float64",
            "weight units",
            "as weight_change_norm, of the readout weights that act (1/N, 1/gamma)",
            True,
        ),
        Column("readout_change_norm_relative", "float64", "share", "likewise", True),
        Column("readout_change_norm_absolute", "float64", "weight units", "likewise", True),
        Column("parameters", "string", "", "what the kernel is by: `recurrent` or `all`"),
        Column("centred", "bool", "", "the representations were centred"),
        STATUS,
    ),
    extra_keys=True,
)

EIGENVALUES = Schema(
    "eigenvalues",
    1,
    "Eigenvalues of the recurrent weights that act, before training and after.",
    ("network", "weights", "gate", "index"),
    (
        NETWORK,
        Column("weights", "string", "", "`initial`, before training, or `trained`"),
        Column(
            "gate",
            "string",
            "",
            "`recurrent`; in `gru` `reset`, `update`, `new`; in `lstm` `input`, `forget`, `cell`, `output`",
        ),
        Column("index", "int64", "", "counts from 0, by falling modulus; of a complex pair the positive one first"),
        Column("re", "float64", "as weights", "real part", True),
        Column("im", "float64", "as weights", "imaginary part", True),
        Column("modulus", "float64", "as weights", "of the eigenvalue", True),
        Column("status", "string", "", "`ok`, or why there is no number: the one row of such a network, at index 0"),
    ),
)

MEMORY_DEMAND = Schema(
    "memory_demand",
    1,
    "How well the next target can be predicted from histories of several lengths, and which length is enough.",
    ("task", "history"),
    (
        Column("task", "string", "", "task name"),
        Column("history", "int64", "steps", "length of the history that the predictors see"),
        Column(
            "mse", "float64", "squared target units", "on held-out trials: mean over steps, outputs and seeds", True
        ),
        Column("ci_low", "float64", "as mse", "lower end of its 95 % interval over trials and seeds", True),
        Column("ci_high", "float64", "as mse", "its upper end", True),
        Column("mse_relative", "float64", "share", "mse over the variance of the target", True),
        Column("h_star", "int64", "steps", "the task's memory demand: shortest history on the plateau", True),
        Column("h_star_low", "int64", "steps", "lower end of its 95 % interval", True),
        Column("h_star_high", "int64", "steps", "its upper end", True),
        Column("h_star_share", "float64", "share", "of bootstrap draws that end at this history", True),
        Column("seed_sd", "float64", "as mse", "standard deviation over seeds", True),
        Column("seeds", "int64", "", "predictors trained, each from other weights and on other samples"),
        Column("trials", "int64", "trials", "held out"),
        Column("inputs_until", "string", "", "the last input seen: `t`, that of the step predicted, or `t-1`"),
        Column(
            "outputs", "string", "", "earlier targets seen: as many as inputs (`window`), the `previous`, or `none`"
        ),
        Column("task_parameters", "string", "JSON", "of the task"),
        STATUS,
    ),
    failures=frozenset({"no_plateau"}),
)

ONSETS = Schema(
    "onsets",
    1,
    "When the search phase of each network's training ended.",
    ("network",),
    (
        NETWORK,
        Column("criterion", "string", "", "`hinge` or `threshold`"),
        Column(
            "chance", "float64", "squared target units", "loss of the best constant answers on its validation set", True
        ),
        Column("chance_accuracy", "float64", "share", "accuracy of the same answers, where the task defines one", True),
        Column("plateau", "float64", "as chance", "level of the loss during the search", True),
        Column("onset", "int64", "steps", "optimiser step at which the loss began to fall", True),
        Column("onset_low", "int64", "steps", "lower end of its 95 % interval", True),
        Column("onset_high", "int64", "steps", "its upper end", True),
        Column("crossing", "int64", "steps", "first evaluation beyond the level, to stay there", True),
        Column(
            "search_steps",
            "int64",
            "steps",
            "from the beginning to the onset; of a censored network a lower bound",
            True,
        ),
        Column("search_speed", "float64", "per step", "1 / search_steps; of a censored network an upper bound", True),
        Column("delta_bic", "float64", "", "evidence for a change point, against none and against a steady fall", True),
        Column("relapses", "int64", "", "times the median of nine evaluations went back after the crossing"),
        Column("censored", "bool", "", "the search was going on when it was last seen"),
        Column(
            "distance_initial", "float64", "weight units", "norm of the change of the recurrent weights by then", True
        ),
        Column("distance_step", "int64", "steps", "of the snapshot nearest to the onset, which that is of", True),
        Column("evaluations", "int64", "", "of the loss, that were read"),
        Column("steps_per_epoch", "int64", "steps", "between two evaluations"),
        Column(
            "status",
            "string",
            "",
            "`ok`, `no_end`, `no_plateau`, `gradual`, `too_sparse`, `no_chance`, `diverged`: why onset is null",
        ),
    ),
)
