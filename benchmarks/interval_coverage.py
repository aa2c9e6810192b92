"""How often the 95 % intervals of `degeneracy` hold the truth, and how often its tests find a difference that is none.

``python benchmarks/interval_coverage.py [--runs 1000]`` prints the tables of docs/degeneracy.md. A run
draws networks from a population whose mean distance, standard deviation or correlation is known, or two groups
that have it in common. With 1,000 runs, a share of .95 has a standard error of .007, and all takes about a quarter
of an hour on one idle core.
"""

import argparse
from collections.abc import Callable

import numpy as np
from scipy.spatial.distance import pdist, squareform

from rnnkit.numerics.group_differences import difference, permute_contributions, permute_spreads
from rnnkit.numerics.heterogeneity import clusters
from rnnkit.numerics.network_statistics import correlation, mean, spread, variation
from rnnkit.numerics.pair_statistics import pair_mean, pair_ratio

SIZES = (8, 20, 50)
PAIRS_OF_SIZES = ((8, 8), (8, 20), (20, 20), (50, 50))
DRAWS = 400
PERMUTATIONS = 399

Draw = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]


def two_clusters(share):
    def draw(rng, size):
        points = rng.normal(size=size) / 2
        return points + 3 * (rng.random(size[0]) < share)[:, None] / np.sqrt(size[1])

    return draw


#: Where networks are, (networks, dimensions).
POINTS: dict[str, Draw] = {
    "normal": lambda rng, size: rng.normal(size=size),
    "t, 5 df": lambda rng, size: rng.standard_t(5, size=size),
    "lognormal .5": lambda rng, size: np.exp(rng.normal(size=size) / 2),
    "clusters .5/.5": two_clusters(0.5),
    "clusters .3/.7": two_clusters(0.3),
}
#: What a network adds to all of its distances, and the noise of a pair.
LATENT: dict[str, tuple[Draw, float]] = {
    "sums, normal": (lambda rng, n: 0.3 * rng.normal(size=n), 0.1),
    "sums, exponential": (lambda rng, n: rng.exponential(size=n) - 1, 0.1),
    "sums, t, 5 df": (lambda rng, n: 0.3 * rng.standard_t(5, size=n), 0.3),
    "noise of pairs only": (lambda rng, n: np.zeros(n), 0.3),
}
#: Values of a network, with standard deviation 1.
VALUES: dict[str, Draw] = {
    "normal": lambda rng, n: rng.normal(size=n),
    "uniform": lambda rng, n: rng.random(n) * np.sqrt(12),
    "gamma 4": lambda rng, n: rng.gamma(4, size=n) / 2,
    "t, 5 df": lambda rng, n: rng.standard_t(5, size=n) * np.sqrt(3 / 5),
    "exponential": lambda rng, n: rng.exponential(size=n),
    "lognormal .5": lambda rng, n: np.exp(rng.normal(size=n) / 2) / np.sqrt(np.expm1(0.25) * np.exp(0.25)),
    "lognormal 1": lambda rng, n: np.exp(rng.normal(size=n)) / np.sqrt(np.expm1(1) * np.e),
}


def populations():
    """Name, (rng, networks) -> distances of pairs, and the mean distance."""
    for name, draw in POINTS.items():
        for k in (1, 3, 10):
            rng = np.random.default_rng(k)
            one, other = (draw(rng, (2_000_000 // k, k)) for _ in range(2))
            truth = np.linalg.norm(one - other, axis=1).mean()
            yield f"{name}, R^{k}", lambda rng, n, k=k, draw=draw: pdist(draw(rng, (n, k))), truth
    for name, (draw, noise) in LATENT.items():

        def distances(rng, n, draw=draw, noise=noise):
            a, b = np.triu_indices(n, k=1)
            own = draw(rng, n)
            return 5 + own[a] + own[b] + noise * rng.normal(size=len(a))

        yield name, distances, 5.0


def holds(estimate, truth):
    return estimate.ci_low <= truth <= estimate.ci_high


def line(name, shares):
    print(f"| {name} | " + " | ".join(f"{share:.3f}".lstrip("0") for share in shares) + " |", flush=True)


def heading(title, first, columns):
    print(f"\n{title}\n\n| {first} | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}")


def pair_means(runs, rng):
    heading(
        "Mean over pairs: coverage of the interval",
        "population",
        [f"n={n}" for n in SIZES] + [f"bootstrap n={n}" for n in SIZES],
    )
    for name, draw, truth in populations():
        shares, percentile = [], []
        for n in SIZES:
            a, b = np.triu_indices(n, k=1)
            samples = [draw(rng, n) for _ in range(runs)]
            shares.append(np.mean([holds(pair_mean(d, a, b, n), truth) for d in samples]))
            percentile.append(np.mean([holds(pair_mean(d, a, b, n, DRAWS, rng), truth) for d in samples]))
        line(name, shares + percentile)


def ratios(runs, rng):
    heading("Ratio to initial, points in R^3 that shrink to .5 with noise", "population", [f"n={n}" for n in SIZES])
    for name, draw in POINTS.items():
        shares = []
        big = draw(rng, (2000, 3)), rng.normal(size=(2000, 3)) / 2
        truth = pdist(big[0] / 2 + big[1] / 2).mean() / pdist(big[0]).mean()
        for n in SIZES:
            a, b = np.triu_indices(n, k=1)
            found = []
            for _ in range(runs):
                before = draw(rng, (n, 3))
                after = before / 2 + rng.normal(size=(n, 3)) / 4
                found.append(holds(pair_ratio(pdist(after), pdist(before), a, b, n), truth))
            shares.append(np.mean(found))
        line(name, shares)


def network_statistics(runs, rng):
    for title, statistic, truth in (
        ("Standard deviation", spread, lambda draw: 1.0),
        ("Mean", mean, lambda draw: draw(np.random.default_rng(0), 4_000_000).mean()),
        (
            "Variation of values with mean 3 added",
            lambda x, *r: variation(x + 3, *r),
            lambda draw: 1 / (3 + draw(np.random.default_rng(0), 4_000_000).mean()),
        ),
    ):
        heading(
            f"{title}: coverage of the interval", "law", [f"n={n}" for n in SIZES] + [f"bootstrap n={n}" for n in SIZES]
        )
        for name, draw in VALUES.items():
            value, samples = truth(draw), [[draw(rng, n) for _ in range(runs)] for n in SIZES]
            ours = [np.mean([holds(statistic(x), value) for x in of_size]) for of_size in samples]
            line(
                name, ours + [np.mean([holds(statistic(x, DRAWS, rng), value) for x in of_size]) for of_size in samples]
            )


def correlations(runs, rng):
    heading(
        "Correlation: coverage of the interval",
        "law, correlation",
        [f"n={n}" for n in SIZES] + [f"bootstrap n={n}" for n in SIZES],
    )
    for name in ("normal", "t, 5 df", "lognormal .5", "lognormal 1"):
        for rho in (0.0, 0.6, 0.95):
            draw = VALUES[name]

            def pair(n, draw=draw, rho=rho):
                x, noise = draw(rng, n), draw(rng, n)
                return x, rho * x + np.sqrt(1 - rho**2) * noise

            samples = [[pair(n) for _ in range(runs)] for n in SIZES]
            ours = [np.mean([holds(correlation(x, y), rho) for x, y in of_size]) for of_size in samples]
            drawn = [np.mean([holds(correlation(x, y, DRAWS, rng), rho) for x, y in of_size]) for of_size in samples]
            line(f"{name}, {rho:g}", ours + drawn)


def distance_tests(runs, rng):
    columns = [f"{n}, {m}" for n, m in PAIRS_OF_SIZES]
    heading("Equal mean distances: p <= .05, and coverage of the difference's interval", "populations",
            columns + [f"interval {c}" for c in columns])  # fmt: skip
    known = {name: (draw, truth) for name, draw, truth in populations()}
    alike = ["normal, R^3", "lognormal .5, R^1", "clusters .3/.7, R^1", "sums, exponential", "noise of pairs only"]
    names = [
        *[(name, name) for name in alike],
        ("normal, R^3", "lognormal .5, R^3"),
        ("sums, exponential", "sums, normal"),
    ]
    for first, second in names:
        shares, covered = [], []
        for n, m in PAIRS_OF_SIZES:
            found, held = [], []
            for _ in range(runs):
                # In units of the mean distance, the two populations have the same one.
                one, other = (
                    pair_mean(known[name][0](rng, k) / known[name][1], *np.triu_indices(k, k=1), k)
                    for name, k in ((first, n), (second, m))
                )
                found.append(permute_contributions(one, other, PERMUTATIONS, rng)[0] <= 0.05)
                held.append(holds(difference(one, other), 0))
            shares.append(np.mean(found))
            covered.append(np.mean(held))
        line(first if first == second else f"{first}; {second}", shares + covered)


def relabelled(table, size, rng, studentised):
    """p of a relabelling of the networks in a full table, which `degeneracy` does not use."""
    n = len(table)
    member = np.zeros((PERMUTATIONS + 1, n))
    member[0, :size] = 1
    for row in member[1:]:
        row[rng.choice(n, size, replace=False)] = 1
    means, errors = [], []
    for labels, k in ((member, size), (1 - member, n - size)):
        own = (labels @ table) * labels
        value = own.sum(axis=1) / (k * (k - 1))
        contributions = (2 * own / (k - 2) - 2 * (k - 1) / (k - 2) * value[:, None]) * labels
        means.append(value)
        errors.append((contributions**2).sum(axis=1) / ((k - 1) * k))
    t = np.abs(means[0] - means[1]) / (np.sqrt(errors[0] + errors[1]) if studentised else 1)
    return (t >= t[0] * (1 - 1e-9)).mean()


def apart(runs, rng):
    heading("Equal mean distances, groups of 8 (20) points of R^3 so far apart: p <= .05", "distance of the groups", [
        "contributions", "relabelled table", "relabelled table, studentised"
    ] * 2)  # fmt: skip
    for gap in (0, 3, 6):
        shares = []
        for n in (8, 20):
            found = []
            for _ in range(runs):
                points = rng.normal(size=(2 * n, 3))
                points[n:, 0] += gap
                table = squareform(pdist(points))
                a, b = np.triu_indices(n, k=1)
                one, other = (pair_mean(part[a, b], a, b, n) for part in (table[:n, :n], table[n:, n:]))
                ours = permute_contributions(one, other, PERMUTATIONS, rng)[0]
                found.append([ours, *(relabelled(table, n, rng, s) for s in (False, True))])
            shares += list((np.array(found) <= 0.05).mean(axis=0))
        line(gap, shares)


def value_test(title, laws, p_value, runs, rng, interval=False):
    """Print the shares of p <= .05, and the coverage of the interval for a difference of standard deviations."""
    columns = [f"{n}, {m}" for n, m in PAIRS_OF_SIZES]
    heading(title, "laws", columns + ([f"interval {c}" for c in columns] if interval else []))
    for first, second in laws:
        shares, covered = [], []
        for sizes in PAIRS_OF_SIZES:
            p, held = [], []
            for _ in range(runs):
                values = [VALUES[name](rng, n) for name, n in zip((first, second), sizes, strict=True)]
                p.append(p_value(first, *values))
                if interval:
                    held.append(holds(difference(*map(spread, values)), 0))
            shares.append(np.mean(np.array(p) <= 0.05))
            covered += [np.mean(held)] if held else []
        line(first if first == second else f"{first}; {second}", shares + covered)


def spread_tests(runs, rng):
    same = [(name, name) for name in VALUES]
    value_test(
        "Equal standard deviations, means 5 apart: p <= .05, and coverage of the difference's interval",
        [*same, ("normal", "lognormal .5"), ("uniform", "t, 5 df")],
        lambda law, x, y: permute_spreads(x + 5, y, PERMUTATIONS, rng)[0],
        runs,
        rng,
        interval=True,
    )
    value_test(
        "Equal variation, of values with 3 added: p <= .05",
        same,
        lambda law, x, y: permute_spreads((x + 3) / (x + 3).mean(), (y + 3) / (y + 3).mean(), PERMUTATIONS, rng)[0],
        runs,
        rng,
    )


def mean_tests(runs, rng):
    def of_correlations(law, *values):
        found = [correlation(x, 0.6 * x + 0.8 * VALUES[law](rng, len(x))) for x in values]
        return permute_contributions(*found, PERMUTATIONS, rng)[0]

    same = [(name, name) for name in VALUES]
    value_test(
        "Equal means: p <= .05",
        same,
        lambda law, x, y: permute_contributions(mean(x), mean(y), PERMUTATIONS, rng)[0],
        runs,
        rng,
    )
    value_test("Equal correlations, .6: p <= .05", same, of_correlations, runs, rng)


def clusterings(runs, rng):
    heading("Clusters: p <= .05 (runs / 5)", "points", [f"n={n}" for n in SIZES[:2]])
    laws = {
        "one normal cluster, R^2": lambda n: rng.normal(size=(n, 2)),
        "one normal cluster, R^10": lambda n: rng.normal(size=(n, 10)),
        "one cluster, t, 5 df, R^3": lambda n: rng.standard_t(5, size=(n, 3)),
        "uniform square": lambda n: rng.random((n, 2)),
        "two clusters 4 sd apart, R^3": lambda n: rng.normal(size=(n, 3)) + 4 * (np.arange(n) % 2)[:, None] * [1, 0, 0],
        "two clusters 8 sd apart, R^3": lambda n: rng.normal(size=(n, 3)) + 8 * (np.arange(n) % 2)[:, None] * [1, 0, 0],
    }
    for name, law in laws.items():
        shares = []
        for n in SIZES[:2]:
            p = [clusters(squareform(pdist(law(n))), 39, rng).p_value for _ in range(max(runs // 5, 1))]
            shares.append(np.mean(np.array(p) <= 0.05))
        line(name, shares)


STUDIES = (
    pair_means,
    ratios,
    network_statistics,
    correlations,
    distance_tests,
    apart,
    spread_tests,
    mean_tests,
    clusterings,
)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=[study.__name__ for study in STUDIES])
    options = parser.parse_args()
    for k, study in enumerate(STUDIES):
        if options.only in (None, study.__name__):
            study(options.runs, np.random.default_rng([options.seed, k]))


if __name__ == "__main__":
    main()
