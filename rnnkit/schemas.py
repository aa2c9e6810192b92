"""Every table's columns, types, units and keys, declared once.

Writers build from these, readers check them, the documentation prints them. Needs no pyarrow.
"""

from __future__ import annotations

from dataclasses import dataclass

from rnnkit.errors import unknown_name

__all__ = ["LEVELS", "SCHEMAS", "Column", "Schema", "get_schema"]

#: What a number in a `degeneracy` table is about.
LEVELS = ("dynamics", "weights", "representation", "behaviour")


@dataclass(frozen=True)
class Column:
    """One column: name, type (`string`, `int64`, `float64`, `bool` or `vector` of float32), unit, meaning.

    `nullable` columns are null where a number could not be had; `status` then says why. `optional` ones may
    be left out of a file altogether.
    """

    name: str
    type: str
    unit: str
    meaning: str
    nullable: bool = False
    optional: bool = False


@dataclass(frozen=True)
class Schema:
    """A table: its key, columns and version. `extra_keys`: group columns (strings) may be added."""

    name: str
    version: int
    summary: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    extra_keys: bool = False

    def column(self, name: str) -> Column | None:
        """Return the column of that name, or None."""
        return next((column for column in self.columns if column.name == name), None)


_NETWORK = Column("network", "string", "", "checkpoint's file stem")
_STATUS = Column("status", "string", "", "`ok`, or why a number is missing")

_TRAINING = Schema(
    "training",
    1,
    "One row per network and epoch of training.",
    ("network", "epoch"),
    (
        _NETWORK,
        Column("epoch", "int64", "epochs", "counts from 1"),
        Column(
            "loss",
            "float64",
            "squared target units",
            "mean training loss of the epoch, penalties left out",
            True,
        ),
        Column(
            "val_loss",
            "float64",
            "squared target units",
            "loss on the fixed validation set after the epoch",
            True,
        ),
        Column("accuracy", "float64", "share", "of validation answers, where the task defines one", True),
        Column("grad_norm", "float64", "loss per weight", "mean norm of the gradient, penalties included", True),
        Column("lr", "float64", "", "learning rate in force, gamma and schedule included"),
        Column("seconds", "float64", "s", "wall time of the epoch for the whole batch of networks"),
        Column("status", "string", "", "`training`, or how it ended: `converged`, `budget`, `diverged`"),
    ),
)

_SAMPLE = Schema(
    "sample",
    1,
    "Trials of a task.",
    ("trial", "step"),
    (
        Column("trial", "int64", "trials", "counts from 0"),
        Column("step", "int64", "steps", "counts from 0"),
        Column("input", "vector", "task units", "one number per input channel"),
        Column("target", "vector", "task units", "one number per output channel"),
        Column("mask", "float64", "", "weight of the step in the loss"),
    ),
)

_ROLLOUT = Schema(
    "rollout",
    1,
    "Networks run over trials.",
    ("network", "trial", "step"),
    (
        _NETWORK,
        Column("trial", "int64", "trials", "counts from 0"),
        Column("step", "int64", "steps", "counts from 0"),
        Column("input", "vector", "task units", "one number per input channel"),
        Column("target", "vector", "task units", "one number per output channel", True),
        Column("output", "vector", "task units", "one number per output channel", True),
        Column("hidden", "vector", "state units", "h after the step, one number per unit", True),
        _STATUS,
    ),
)

_SUMMARY = Schema(
    "summary",
    1,
    "How well each network does its task.",
    ("network", "condition"),
    (
        _NETWORK,
        Column("condition", "string", "", "`train`: the task itself; `ood`: its out-of-distribution version"),
        Column("task", "string", "", "task name"),
        Column("task_parameters", "string", "JSON", "of the task itself"),
        Column("trials", "int64", "trials", "in the evaluation set, common to all networks"),
        Column("steps", "int64", "steps", "of a trial"),
        Column(
            "loss",
            "float64",
            "squared target units",
            "mean over trials, steps and outputs, auxiliary ones left out",
            True,
        ),
        Column("fvu", "float64", "share", "fraction of variance unexplained: loss / variance of the target", True),
        Column("accuracy", "float64", "share", "where the task defines one", True),
        Column("training_loss", "float64", "squared target units", "of the network's last epoch, if known", True),
        Column("converged", "bool", "", "it stopped below its stop loss, or was imported"),
        _STATUS,
    ),
    extra_keys=True,
)

_COMPARISONS = Schema(
    "comparisons",
    1,
    "Distances between networks; each unordered pair stands once.",
    ("a", "b", "metric"),
    (
        Column("a", "string", "", "first network"),
        Column("b", "string", "", "second network"),
        Column("metric", "string", "", "name of the distance"),
        Column("distance", "float64", "see the metric", "the distance, as the paper defines it", True),
        Column("lower_bound", "float64", "as distance", "no alignment can give less", True),
        Column("status", "string", "", "`optimal`, `converged`, `exact`, `reference`, or why there is no number"),
        Column("starts", "int64", "", "starts of the solver", True),
        Column("starts_at_best", "int64", "", "how many of them reached the distance reported", True),
        Column("seconds", "float64", "s", "the pair's share of the solver's time"),
        Column("level", "string", "", "`dynamics`, `weights`, `representation` or `behaviour`"),
        Column("relative_distance", "float64", "", "scale-free form of the distance", True),
        Column("per_parameter", "float64", "", "weights: distance divided by the number of entries", True),
        Column(
            "size_a",
            "int64",
            "",
            "size of what is compared (rank of the operator, units, outputs, or dimension of the subspace) of a",
            True,
        ),
        Column("size_b", "int64", "", "the same for b", True),
        Column("converged", "bool", "", "both networks stopped below their stop loss, or were imported"),
    ),
    extra_keys=True,
)

_SENSITIVITY = Schema(
    "sensitivity",
    1,
    "How the distances of `dsa` change with rank and delay.",
    ("components", "delays"),
    (
        Column("components", "int64", "", "principal components"),
        Column("delays", "int64", "steps", "of the embedding"),
        Column("chosen", "bool", "", "the point that the others are compared with"),
        Column("size", "int64", "", "of the operators: components x delays"),
        Column("pairs", "int64", "pairs", "with a distance at both points"),
        Column("spearman", "float64", "", "rank correlation of the distances with those at the point chosen", True),
        Column("mean_ratio", "float64", "", "mean distance over that at the point chosen", True),
        _STATUS,
    ),
)

_DEGENERACY = Schema(
    "degeneracy",
    2,
    "How far apart the networks of a group are, with uncertainties that respect shared networks.",
    ("level", "metric"),
    (
        Column("level", "string", "", "`dynamics`, `weights`, `representation` or `behaviour`"),
        Column("metric", "string", "", "what was averaged, or whose spread is given"),
        Column("value", "float64", "see the metric", "mean over pairs, or standard deviation over networks", True),
        Column("se", "float64", "as value", "standard error: jackknife over networks", True),
        Column("ci_low", "float64", "as value", "lower end of the 95 % interval over networks", True),
        Column("ci_high", "float64", "as value", "its upper end", True),
        Column("networks", "int64", "networks", "that entered"),
        Column("pairs", "int64", "pairs", "that entered; 0 for a statistic of single networks"),
        _STATUS,
        Column("against", "string", "", "group that this one is set against, as KEY=VALUE,...", True, True),
        Column("difference", "float64", "as value", "value minus that of the other group", True, True),
        Column("difference_se", "float64", "as value", "its standard error", True, True),
        Column("difference_low", "float64", "as value", "lower end of the difference's 95 % interval", True, True),
        Column("difference_high", "float64", "as value", "its upper end", True, True),
        Column("p_value", "float64", "share", "of relabellings of the networks with a difference as large", True, True),
        Column("permutations", "int64", "", "relabellings drawn", True, True),
        Column(
            "test",
            "string",
            "",
            "what was relabelled: `contributions` or `spreads`; or `no_data`, `no_group`",
            True,
            True,
        ),
    ),
    extra_keys=True,
)

_EMBEDDING = Schema(
    "embedding",
    1,
    "Where each network lies among those of its group, by each metric.",
    ("network", "metric"),
    (
        _NETWORK,
        Column("metric", "string", "", "name of the distance"),
        Column("level", "string", "", "`dynamics`, `weights`, `representation` or `behaviour`"),
        Column("x", "float64", "as distance", "first coordinate of classical scaling", True),
        Column("y", "float64", "as distance", "second coordinate", True),
        Column("explained", "float64", "share", "of all absolute eigenvalues in those two, for the group", True),
        Column("stress", "float64", "share", "root of the squared error of the plane's distances, for the group", True),
        Column("mean_distance", "float64", "as distance", "to the group's other networks", True),
        Column("medoid", "bool", "", "it has the smallest mean distance of the group", True),
        Column("nearest", "string", "", "nearest other network", True),
        Column("nearest_distance", "float64", "as distance", "to it", True),
        Column("cluster", "int64", "", "counts from 1, the largest first", True),
        Column("silhouette", "float64", "from -1 to 1", "of the network; 0 where it is its cluster's only one", True),
        Column("clusters", "int64", "clusters", "2 to 8: the number with the best mean silhouette", True),
        Column("mean_silhouette", "float64", "from -1 to 1", "of the group", True),
        Column("reference_silhouette", "float64", "from -1 to 1", "95 % quantile of it for one cluster", True),
        Column("cluster_p_value", "float64", "share", "of one-cluster samples with as large a mean silhouette", True),
        _STATUS,
    ),
    extra_keys=True,
)

_MEMORY_DEMAND = Schema(
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
        _STATUS,
    ),
)

_INFO = Schema(
    "info",
    1,
    "What checkpoints hold.",
    ("network",),
    (
        _NETWORK,
        Column("path", "string", "", "file"),
        Column("model", "string", "", "model family"),
        Column("units", "int64", "units", ""),
        Column("inputs", "int64", "channels", ""),
        Column("outputs", "int64", "channels", ""),
        Column("constants", "string", "JSON", "nonlinearity, alpha or tau, gamma, rank"),
        Column("task", "string", "", "task name", True),
        Column("task_parameters", "string", "JSON", "all of them"),
        Column("seed", "int64", "", "", True),
        Column("training_loss", "float64", "squared target units", "of the last epoch", True),
        Column("val_loss", "float64", "squared target units", "of the last epoch", True),
        Column("initial", "bool", "", "the weights before training are kept"),
        Column("status", "string", "", "`converged`, `budget`, `diverged`, `imported`, or what is wrong"),
    ),
)

SCHEMAS: dict[str, Schema] = {
    schema.name: schema
    for schema in (
        _TRAINING,
        _SAMPLE,
        _ROLLOUT,
        _SUMMARY,
        _COMPARISONS,
        _SENSITIVITY,
        _DEGENERACY,
        _EMBEDDING,
        _MEMORY_DEMAND,
        _INFO,
    )
}


def get_schema(name: str) -> Schema:
    """Return the schema of that name.

    Examples
    --------
    >>> get_schema("comparisons").key
    ('a', 'b', 'metric')
    """
    if name not in SCHEMAS:
        raise unknown_name("schema", name, SCHEMAS, "table")
    return SCHEMAS[name]
