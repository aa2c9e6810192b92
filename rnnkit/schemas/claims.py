"""The table of what papers claim and what came out."""

from __future__ import annotations

from rnnkit.schemas.columns import STATUS, Column, Schema

__all__ = ["CLAIMS"]

CLAIMS = Schema(
    "claims",
    1,
    "Claims of papers that were tried, each with what came out and the command that tries it again.",
    ("paper", "task", "claim", "statistic"),
    (
        Column("paper", "string", "", "first author and year"),
        Column("figure", "string", "", "figure, table or section of the paper"),
        Column("task", "string", "", "task of the networks"),
        Column("claim", "string", "", "what the paper says"),
        Column("statistic", "string", "", "what it was asked of"),
        Column("values", "string", "", "the statistic by setting, or the paper's number"),
        Column("estimate", "float64", "as the statistic", "the number that the claim is about", True),
        Column("ci_low", "float64", "as the statistic", "lower end of its 95 % interval", True),
        Column("ci_high", "float64", "as the statistic", "upper end", True),
        Column("p_value", "float64", "share", "of the test, where there is one", True),
        Column("p_holm", "float64", "share", "the same, adjusted for the study's number of tests (Holm 1979)", True),
        Column("networks", "string", "networks", "that entered, by setting"),
        Column("verdict", "string", "", "`holds`, `does not hold`, or `undecided`"),
        Column("note", "string", "", "what qualifies the verdict", True),
        Column("command", "string", "", "that makes the row again"),
        STATUS,
    ),
)
