"""Tables of the inside of one network: fixed points and ablations."""

from __future__ import annotations

from rnnkit.schemas.columns import NETWORK, STATUS, Column, Schema

__all__ = ["ABLATIONS", "ABLATION_CONTROLS", "FIXED_POINTS", "FIXED_POINT_COVERAGE", "SCHUR"]

FIXED_POINTS = Schema(
    "fixedpoints",
    1,
    "States at which a network stands still at a constant input, and slow ones.",
    ("network", "point"),
    (
        NETWORK,
        Column("point", "int64", "", "counts from 0, through all inputs; fixed before slow, stable first"),
        Column("kind", "string", "", "`fixed`, `slow` (a minimum of the speed), or `moving` (descent stopped)", True),
        Column("certified", "bool", "", "proven: exactly one fixed point within `radius` of `state`", True),
        Column("stable", "bool", "", "no eigenvalue of modulus 1 or more", True),
        Column("unstable_dims", "int64", "", "eigenvalues of modulus above 1", True),
        Column("spectral_radius", "float64", "per step", "largest modulus of an eigenvalue", True),
        Column("speed", "float64", "squared state units", "half the squared norm of F(h) - h at `state`", True),
        Column("starts_share", "float64", "share", "of the starts that ended on the point", True),
        Column("radius", "float64", "state units", "in the max norm", True),
        Column("unique_radius", "float64", "state units", "proven: no second fixed point within it", True),
        Column("index", "int64", "", "sign of det(I - DF), where proven", True),
        Column("stability_certified", "bool", "", "proven for the fixed point: no eigenvalue meets the circle", True),
        Column("gradient", "float64", "state units", "norm of the speed's gradient at `state`", True),
        Column("kink", "bool", "", "a slow point where a relu unit has its kink", True),
        Column(
            "step",
            "int64",
            "optimiser steps",
            "with --history: of the snapshot; joins the key",
            True,
            True,
        ),
        Column("method", "string", "", "with --method descent or both: `lm` or `descent`", True, True),
        Column(
            "converged",
            "float64",
            "share",
            "of the starts from which descent ended here: those from which lm reaches a fixed point",
            True,
            True,
        ),
        Column("solver_speed", "float64", "squared state units", "where lm ends from them (median)", True, True),
        Column("system", "int64", "", "place of the input among those given, from 0"),
        Column("input", "vector64", "task units", "the constant input, one number per channel"),
        Column("output", "vector64", "task units", "readout at `state`", True),
        Column("state", "vector64", "state units", "h; of an LSTM h, then c", True),
        Column("eigenvalues", "complexes", "per step", "of DF at `state`, by falling modulus", True),
        Column(
            "unstable_directions",
            "vector64",
            "share",
            "with --directions: unit vectors along the eigenvectors of modulus above 1, one after another, by falling "
            "modulus; two axes for a complex pair",
            True,
            True,
        ),
        STATUS,
    ),
)

FIXED_POINT_COVERAGE = Schema(
    "fixedpoint_coverage",
    1,
    "How complete a network's fixed points may be: index sums, and what the starts say, by their kind.",
    ("network", "system", "starts_from"),
    (
        NETWORK,
        Column("system", "int64", "", "place of the input among those given, from 0"),
        Column(
            "starts_from",
            "string",
            "",
            "`uniform` (box of reachable states), `states` (of trajectories), `noisy` (the same with noise), "
            "`midpoints` (of points found), `solver` (lm, from the starts of descent), or `all`",
        ),
        Column("step", "int64", "optimiser steps", "with --history: of the snapshot; joins the key", True, True),
        Column("method", "string", "", "with --method descent or both: `lm` or `descent`; joins the key", True, True),
        Column("input", "vector64", "task units", "the constant input, one number per channel"),
        Column("starts", "int64", "", "searches begun"),
        Column("arrived", "int64", "", "of them, ended on a fixed point"),
        Column("slow", "int64", "", "of them, ended on a slow point"),
        Column("points", "int64", "", "fixed points they ended on"),
        Column("seen_once", "int64", "", "of these, by one start"),
        Column("seen_twice", "int64", "", "by two"),
        Column(
            "missing_mass",
            "float64",
            "share",
            "Good-Turing: of such starts that arrive, on points not reached so far",
            True,
        ),
        Column("missing_mass_bound", "float64", "share", "95 % bound of it", True),
        Column("chao1", "float64", "", "estimate of the number of points that such starts reach", True),
        Column("certified", "int64", "", "`all`: certified points", True),
        Column("stable", "int64", "", "`all`: stable points", True),
        Column("index_sum", "int64", "", "`all`: sum of the indices, where each is proven", True),
        Column(
            "status",
            "string",
            "",
            "`ok`; of `all` also `incomplete` (index sum not 1: points are missing), `undecided` (an index is not "
            "proven) or `no_theorem` (the state is not bounded)",
        ),
    ),
)

_ALPHA = Column("alpha", "float64", "share", "threshold of the leading sector; joins the key when several are given")

ABLATIONS = Schema(
    "ablations",
    1,
    "What each network loses when blocks of couplings are taken out of its ordered Schur form.",
    ("network", "ablation"),
    (
        NETWORK,
        Column("ablation", "string", "", "blocks removed: `RR`, `CR`, `CC`, or several joined by `+`"),
        _ALPHA,
        Column("fvu_full", "float64", "share", "fraction of variance unexplained of the network itself", True),
        Column("fvu", "float64", "share", "the same of the ablated network", True),
        Column("delta_fvu", "float64", "share", "fvu - fvu_full", True),
        Column("accuracy_full", "float64", "share", "of the network itself, where the task defines one", True),
        Column("accuracy", "float64", "share", "of the ablated network", True),
        Column("removed_mass", "float64", "share", "Frobenius norm of what was removed over that of T", True),
        Column("sensitivity", "float64", "", "delta_fvu / removed_mass; null below a mass of 1e-6", True),
        Column(
            "rollout_distance",
            "float64",
            "share",
            "squared distance of the ablated network's outputs from its own, over the variance of its own",
            True,
        ),
        Column("stabiliser", "bool", "", "rollout_distance at most --epsilon, and removed_mass at least 0.01", True),
        Column("dim_r", "int64", "units", "dimension of the leading sector R", True),
        Column("blocks_r", "int64", "blocks", "in R", True),
        Column("blocks", "int64", "blocks", "of the Schur form in all", True),
        Column("gap", "float64", "share", "(least modulus in R - largest in C) / largest; null if C is empty", True),
        Column("sep", "float64", "as weights", "separation of the two sectors; null if C is empty", True),
        Column("spectral_radius", "float64", "as weights", "largest modulus of the recurrent weights that act", True),
        Column(
            "order_violation", "float64", "share", "most that a modulus is above an earlier one, over the largest", True
        ),
        Column("removed_norm", "float64", "as weights", "Frobenius norm of what was removed", True),
        Column("delta_fvu_order_min", "float64", "share", "least delta_fvu over random orders in R and C", True),
        Column("delta_fvu_order_median", "float64", "share", "its median", True),
        Column("delta_fvu_order_max", "float64", "share", "its largest", True),
        Column("in_pcs", "float64", "share", "of the removed squared norm that reads from the activity's PCs", True),
        Column("out_pcs", "float64", "share", "that writes into them", True),
        Column("out_readout", "float64", "share", "that writes into the readout's row space", True),
        Column("drive", "float64", "share", "mean squared input of the removed part over that of all weights", True),
        Column("pcs", "int64", "axes", "principal components that hold 95 % of the activity's variance", True),
        STATUS,
    ),
)

ABLATION_CONTROLS = Schema(
    "ablation_controls",
    1,
    "Ablations beside random removals of the same Frobenius norm; each null answers a question of its own.",
    ("network", "ablation", "control"),
    (
        NETWORK,
        Column("ablation", "string", "", "blocks removed, as in `ablations`"),
        Column("control", "string", "", "the null: `isotropic`, `entries` or `rotated`"),
        _ALPHA,
        Column("draws", "int64", "draws", "made; 0 where there is nothing to remove"),
        Column("fvu", "float64", "share", "of the real ablation", True),
        Column("fvu_min", "float64", "share", "least over the draws", True),
        Column("fvu_median", "float64", "share", "median over the draws; null if it diverges", True),
        Column("fvu_max", "float64", "share", "largest over the draws; null if one diverged", True),
        Column("diverged", "int64", "draws", "that diverged: they count as worse than any number"),
        Column(
            "share_at_most", "float64", "share", "of the draws that do at most as much damage as the real one", True
        ),
        Column("p_value", "float64", "share", "(1 + draws with at least the real fvu) / (1 + draws)", True),
        Column("overlap", "float64", "share", "`entries`: mean share of the draws' mass inside the real block", True),
        STATUS,
    ),
)

SCHUR = Schema(
    "schur",
    1,
    "The diagonal blocks of each network's ordered Schur form.",
    ("network", "block"),
    (
        NETWORK,
        Column("block", "int64", "blocks", "counts from 0, by falling modulus"),
        _ALPHA,
        Column("start", "int64", "rows", "first row of the block in T", True),
        Column("size", "int64", "rows", "1, or 2 for a complex pair", True),
        Column("re", "float64", "as weights", "real part of the eigenvalue", True),
        Column("im", "float64", "as weights", "imaginary part; of a pair, the positive one", True),
        Column("modulus", "float64", "as weights", "of the eigenvalue", True),
        Column("sector", "string", "", "`R`, or `C` below the threshold", True),
        Column("nonnormal", "float64", "as weights", "b + c of a 2x2 block (a, b; c, a): 0 if it is normal", True),
        Column(
            "rows",
            "vector64",
            "as weights",
            "with --schur-rows: the block's rows of T, one after another; zero before the block",
            True,
            True,
        ),
        STATUS,
    ),
)
