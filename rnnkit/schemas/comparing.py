"""Tables of distances between networks, and what is made of them."""

from __future__ import annotations

from rnnkit.schemas.columns import NETWORK, STATUS, Column, Schema

__all__ = ["COMPARISONS", "DEGENERACY", "EMBEDDING", "SENSITIVITY"]

COMPARISONS = Schema(
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

SENSITIVITY = Schema(
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
        STATUS,
    ),
)

DEGENERACY = Schema(
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
        STATUS,
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

EMBEDDING = Schema(
    "embedding",
    1,
    "Where each network lies among those of its group, by each metric.",
    ("network", "metric"),
    (
        NETWORK,
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
        STATUS,
    ),
    extra_keys=True,
)
