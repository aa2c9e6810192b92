"""One row a network: its fixed points by unstable dimensions, what is proven, what each kind of start found.

``python summarise.py points.parquet coverage.parquet summary.csv``; ends with 1 when a network of the 3-bit flip-flop
has not the 27 points it should have, and says which.
"""

import sys

import pandas as pd

#: Points with 0, 1, 2 and 3 unstable dimensions: each bit is up, down, or on the edge between.
EXPECTED = [8, 12, 6, 1]


def main(points_file: str, coverage_file: str, summary_file: str) -> int:
    """Write the summary; return 1 when a network differs."""
    points, coverage = pd.read_parquet(points_file), pd.read_parquet(coverage_file)
    fixed = points[points["kind"] == "fixed"]
    names = list(points["network"].unique())
    dims = pd.crosstab(fixed["network"], fixed["unstable_dims"]).reindex(names, fill_value=0)
    summary = dims.add_prefix("unstable_")
    for column in ("certified", "stability_certified"):
        summary[column] = fixed.groupby("network")[column].sum().reindex(names, fill_value=0).astype(int)
    kinds = coverage.pivot_table(index="network", columns="starts_from", values="points", sort=False)
    summary = summary.join(kinds.add_prefix("points_from_"))
    whole = coverage[coverage["starts_from"] == "all"].set_index("network")
    summary = summary.join(whole[["index_sum", "status"]])
    summary.to_csv(summary_file)
    print(summary.to_string())
    odd = [name for name in names if dims.loc[name].tolist() != EXPECTED or summary.loc[name, "certified"] != 27]
    if odd:
        sys.stderr.write(f"not 8, 12, 6 and 1 certified points: {', '.join(odd)}\n")
    return int(bool(odd))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
