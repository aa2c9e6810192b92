"""What came out, in sentences: one function per table, columns in, lines out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from rnnkit.plots.words import listed, many, number, value_range
from rnnkit.schemas import GOOD

__all__ = ["SENTENCES", "Sentence", "flagged"]

Lines = list[str]


@dataclass(frozen=True)
class Sentence:
    """What is said of a table.

    Attributes
    ----------
    columns : tuple of str
        Those that it is worked out from; those that the file does not have are left out.
    say : function of a data frame
        Returns the lines.
    """

    columns: tuple[str, ...]
    say: Callable[[pd.DataFrame], Lines]


def flagged(name: str, rows: int, statuses: dict[str, int], good: frozenset[str] = GOOD) -> str | None:
    """Return a line on the rows of a table that are not what they should be, or None.

    Examples
    --------
    >>> flagged("t.csv", 9, {"ok": 7, "diverged": 2}), flagged("t.csv", 9, {"ok": 9})
    ('t.csv: 2 of 9 rows are flagged (diverged 2).', None)
    """
    bad = {status: count for status, count in sorted(statuses.items()) if status not in good}
    if not bad:
        return None
    each = ", ".join(f"{status or 'no status'} {count}" for status, count in bad.items())
    return f"{name}: {sum(bad.values())} of {many(rows, 'row')} are flagged ({each})."


def _info(rows: pd.DataFrame) -> Lines:
    """Networks by task and family, with how their training ended."""
    lines = []
    for (task, model, units), part in rows.groupby(["task", "model", "units"], sort=False, dropna=False):
        ended = ", ".join(f"{count} {status}" for status, count in part["status"].value_counts(sort=False).items())
        what = f"on {task}" if isinstance(task, str) else "of no task"
        lines.append(f"{many(len(part), 'network')} {what}: {model}, {units} units ({ended}).")
    return lines


def _training(rows: pd.DataFrame) -> Lines:
    last = rows.sort_values("epoch", kind="stable").groupby("network", sort=False).tail(1)
    loss = value_range(last["val_loss"])
    ended = ", ".join(f"{count} {status}" for status, count in sorted(last["status"].value_counts().items()))
    epochs = value_range(last["epoch"])
    who = many(len(last), "network")
    return [f"Training of {who} ended after {epochs} epochs ({ended}) with a validation loss of {loss}."]


def _summary(rows: pd.DataFrame) -> Lines:
    lines = []
    for (task, condition), part in rows.groupby(["task", "condition"], sort=False):
        where = ", out of distribution" if condition == "ood" else ""
        accuracy = f"; accuracy {value_range(part['accuracy'])}" if part["accuracy"].notna().any() else ""
        lines.append(f"On {task}{where}: fraction of variance unexplained {value_range(part['fvu'])}{accuracy}.")
    return lines


def _comparisons(rows: pd.DataFrame) -> Lines:
    each = [
        f"{metric} {value_range(part['distance'])} ({many(int(part['distance'].notna().sum()), 'pair')})"
        for metric, part in rows.groupby("metric", sort=False)
    ]
    return [f"Distances between networks: {listed(each, most=12)}."]


def _degeneracy(rows: pd.DataFrame) -> Lines:
    """Values with their intervals; of several groups, how many and the range."""
    lines = []
    for level, part in rows.groupby("level", sort=False):
        each = []
        for metric, own in part.groupby("metric", sort=False):
            if len(own) == 1:
                one = own.iloc[0]
                ends = f" [{number(one['ci_low'])}, {number(one['ci_high'])}]" if pd.notna(one["ci_low"]) else ""
                each.append(f"{metric} {number(one['value'])}{ends}")
            else:
                each.append(f"{metric} {value_range(own['value'])} over {len(own)} groups")
        lines.append(f"Degeneracy of {level}, with 95 % intervals: {listed(each, most=12)}.")
    return lines


def _embedding(rows: pd.DataFrame) -> Lines:
    found = rows.drop_duplicates(["metric", "clusters", "cluster_p_value"])
    found = found[found["clusters"].notna() & found["cluster_p_value"].notna()]
    each = [
        f"{int(row['clusters'])} clusters by {row['metric']} (p = {number(row['cluster_p_value'])} for only one)"
        for row in found.to_dict("records")
    ]
    return [f"The best cut of the networks: {listed(each, most=12)}."] if each else []


def _fixedpoints(rows: pd.DataFrame) -> Lines:
    where = ""
    if "step" in rows and rows["step"].notna().any():
        where = " after the last step"
        rows = rows[rows["step"] == rows.groupby("network")["step"].transform("max")]
    fixed = rows[rows["kind"] == "fixed"]
    if "method" in rows and set(rows["method"]) >= {"lm", "descent"}:
        rows, fixed = (part[part["method"] == "lm"] for part in (rows, fixed))
    if fixed.empty:
        return [f"No fixed point was found in {many(rows['network'].nunique(), 'network')}{where}."]
    stable = int((fixed["stable"] == True).sum())  # noqa: E712 - null is neither
    proven = int((fixed["certified"] == True).sum())  # noqa: E712
    systems = [name for name in ("network", "system") if name in fixed.columns]
    each = fixed.groupby(systems, dropna=False).size()
    slow = int((rows["kind"] == "slow").sum())
    beside = f", beside {many(slow, 'slow point')}" if slow else ""
    return [
        f"{many(len(fixed), 'fixed point')} of {many(fixed['network'].nunique(), 'network')}, {value_range(each)} at "
        f"each constant input{where}: {stable} stable, {proven} proven{beside}."
    ]


def _ablations(rows: pd.DataFrame) -> Lines:
    median = rows.groupby("ablation", sort=False)["delta_fvu"].median().dropna()
    each = [f"{block} {number(value)}" for block, value in median.items()]
    return [f"Median loss of variance explained when a block is removed: {listed(each, most=12)}."] if each else []


def _feature_learning(rows: pd.DataFrame) -> Lines:
    each = [
        f"{words} {value_range(rows[name])}"
        for name, words in (
            ("kernel_alignment", "kernel alignment"),
            ("representation_alignment", "representation alignment"),
            ("weight_change_norm_relative", "relative change of the recurrent weights"),
        )
        if rows[name].notna().any()
    ]
    return [f"How far training moved the networks: {listed(each)}."] if each else []


def _memory_demand(rows: pd.DataFrame) -> Lines:
    found = rows.drop_duplicates("task")
    found = found[found["h_star"].notna()]
    each = [f"{row['task']} {int(row['h_star'])} steps" for row in found.to_dict("records")]
    return [f"Memory demand: {listed(each, most=12)}."] if each else []


def _overlaps(rows: pd.DataFrame) -> Lines:
    """Sizes of the overlaps that the loss sees, and of those that it does not."""
    known = rows[rows["visible"].notna() & rows["value"].notna()]
    each = []
    for seen, words in ((True, "seen by the loss"), (False, "not seen")):
        part = known[known["visible"].astype(bool) == seen]
        if len(part):
            each.append(f"{words}, {value_range(part['value'].abs())}")
    return [f"Sizes of overlaps: {listed(each)}."] if each else []


def _truncations(rows: pd.DataFrame) -> Lines:
    lines = []
    for rank, part in rows[rows["share_of_norm"].notna()].groupby("rank"):
        each = [f"share of the norm {value_range(part['share_of_norm'])}"]
        if part["rollout_distance"].notna().any():
            each.append(f"distance of the outputs {value_range(part['rollout_distance'])}")
        lines.append(f"Truncated to rank {rank}: {listed(each)}.")
    return lines


def _overlap_theory(rows: pd.DataFrame) -> Lines:
    """How far each motion is off at most, beside how far overlaps moved and what the loss was at first."""
    lines = []
    loss = rows["left"] == "loss"
    for motion, part in rows.groupby("motion", sort=False):
        own, losses = part[~loss.loc[part.index]], part[loss.loc[part.index]]
        each = []
        if own["deviation"].notna().any():
            moved = own.groupby(["network", "left", "right"], sort=False)["measured"].agg(lambda v: v.max() - v.min())
            each.append(
                f"overlaps {number(own['deviation'].abs().max())} where they move by up to {number(moved.max())}"
            )
        if losses["deviation"].notna().any():
            first = losses.groupby("network", sort=False)["measured"].first()
            each.append(f"losses {number(losses['deviation'].abs().max())} of up to {number(first.max())} at first")
        if each:
            lines.append(f"Largest deviations of the theory ({motion}) from training: {listed(each)}.")
    return lines


def _conserved(rows: pd.DataFrame) -> Lines:
    """The largest drift of what gradient flow conserves, and of what it does not here."""
    lines = []
    for holds, words in ((True, "What gradient flow conserves"), (False, "What it does not conserve here")):
        part = rows[(rows["holds"].astype(bool) == holds) & rows["drift"].notna()]
        each = [f"{name} {number(own.abs().max())}" for name, own in part.groupby("quantity", sort=False)["drift"]]
        if each:
            lines.append(f"{words} drifted by up to: {listed(each, most=12)}.")
    return lines


def _gram_matrix(rows: pd.DataFrame) -> Lines:
    """How many overlaps move, and through how many entries."""
    pairs = rows.drop_duplicates(["network", "left", "right"]).groupby("network", sort=False)
    moved = rows[rows["by_visible"].astype("boolean").fillna(False) & (rows["value"] != 0) & rows["value"].notna()]
    driven = moved.groupby(["network", "step"], sort=False).size()
    seen = value_range(pairs["visible"].sum().astype(float))
    who = many(rows["network"].nunique(), "network")
    return [
        f"Augmented Gram matrices of {who}: {value_range(pairs.size())} overlaps, of them seen by the loss {seen}; "
        f"entries that a slope of the loss goes through: {value_range(driven)}."
    ]


def _path_dependence(rows: pd.DataFrame) -> Lines:
    """Ratios by kind of overlaps: what is left of B, and how far two networks still are apart."""
    lines = []
    words = {
        "memory": "Left of the way to another task and back",
        "divergence": "Apart after the same last task, of the distance before it",
    }
    for measure, start in words.items():
        part = rows[(rows["measure"] == measure) & rows["ratio"].notna()]
        each = []
        for kind, own in part.groupby("kind", sort=False):
            beyond = own["ratio_beyond_control"]
            more = f" ({value_range(beyond)} beyond the control)" if beyond.notna().any() else ""
            each.append(f"{kind} overlaps {value_range(own['ratio'])}{more}")
        if each:
            lines.append(f"{start}: {listed(each)}.")
    return lines


def _carried_overlaps(rows: pd.DataFrame) -> Lines:
    """How far what was carried is off at the ends of phases, beside how far the overlaps were from the start."""
    held = rows[rows["carried"].notna()]
    if held.empty:
        return []
    moved, off = (held["measured"] - held["start"]).abs().max(), held["deviation"].abs().max()
    return [
        f"Unseen overlaps carried along the visible path are off by up to {number(off)} of moves of {number(moved)}."
    ]


def _weight_updates(rows: pd.DataFrame) -> Lines:
    """Alignment in the two halves of each network's updates, as it is and beside a random walk; events."""
    place = rows.groupby("network", sort=False).cumcount()
    late = place >= rows.groupby("network", sort=False)["network"].transform("size") // 2
    ratio = rows["alignment"] / rows["alignment_null"]
    known = ratio.notna()
    lines = []
    if known.any():
        halves = [values[known & half].median() for values in (rows["alignment"], ratio) for half in (~late, late)]
        first, second, before, after = (number(float(value)) for value in halves)
        lines.append(
            f"Cosine of updates and the way left: {first} in the first half of training, {second} in the second; "
            f"{before} and {after} times that of a random walk (medians, {many(rows['network'].nunique(), 'network')})."
        )
    if rows["event"].notna().any():
        new = (rows["event"] != rows["event"].shift()) | (rows["network"] != rows["network"].shift())
        counts = [f"{int((new & (rows['event'] == kind)).sum())} {kind}" for kind in ("explicit", "hidden")]
        lines.append(f"Sudden updates that last: {', '.join(counts)}.")
    return lines


def _weight_events(rows: pd.DataFrame) -> Lines:
    """In how many networks updates at the onset are larger than on each side of it; events were chosen for that."""
    onsets = rows[rows["kind"] == "onset"]
    each = []
    for side in ("after", "before"):
        both = onsets[onsets["update"].notna() & onsets[f"update_{side}"].notna()]
        if len(both):
            each.append(f"{side} it in {int((both['update'] > both[f'update_{side}']).sum())} of {len(both)} networks")
    lost = int((onsets["status"] == "no_onset").sum())
    lines = [f"Updates at the onset are larger than {listed(each)}."] if each else []
    return [*lines, f"{many(lost, 'network')} without an onset."] if lost else lines


#: By schema, in the order in which they are said; a table of another schema has nothing to say.
def _onsets(rows: pd.DataFrame) -> Lines:
    """How many searches ended, and the median over all networks: those that did not end count as later than all."""
    times = rows["crossing"].astype(float).fillna(float("inf"))
    middle = float(times.quantile(0.5, interpolation="lower"))
    reached = f"median crossing {number(middle)} steps" if middle < float("inf") else "fewer than half crossed"
    each = ", ".join(f"{count} {status}" for status, count in rows["status"].value_counts().items())
    return [f"Searches of {many(len(rows), 'network')} ({each}): {reached}, censored ones included."]


def _span(values: pd.Series) -> str:
    """Return the least and the largest, or the one that all are."""
    low, high = number(float(values.min())), number(float(values.max()))
    return low if low == high else f"{low} to {high}"


def _freeze_in(rows: pd.DataFrame) -> Lines:
    """At how many points the cues of each network settle in the end, and what is proven of them."""
    last = rows[rows["epoch"] == rows.groupby("network", sort=False)["epoch"].transform("max")]
    each = last.groupby("network", sort=False)
    points, cues = each["point"].nunique(), each.size()
    said = f"settle at {_span(points)} points, of {_span(cues)} cues"
    if "certified" in last.columns and last["certified"].notna().any():
        proven = last[last["certified"] == True].groupby("network", sort=False)["point"].nunique()  # noqa: E712
        said += f", certified {_span(proven.reindex(points.index, fill_value=0))}"
    if "abscissa" in last.columns and last["abscissa"].notna().any():
        said += f"; largest abscissa {number(float(last['abscissa'].max()))}"
    return [f"After {_span(last['epoch'])} presentations {many(len(points), 'network')} {said}."]


def _latent(rows: pd.DataFrame) -> Lines:
    """Fixed points and flatness at the last step of each network."""
    last = rows.sort_values("step", kind="stable").groupby("network", sort=False).tail(1)
    counts = last["fixed_points"].dropna().astype(int).value_counts().sort_index()
    if counts.empty:
        return []
    each = ", ".join(f"{many(int(count), 'network')} with {points}" for points, count in counts.items())
    lines = [f"Fixed points of the latent circuit at the last step: {each}; flatness {value_range(last['flatness'])}."]
    far = int((last["outside"].fillna(0) > 0).sum())
    return [*lines, f"Beyond the range there are more, in {many(far, 'network')}."] if far else lines


SENTENCES: dict[str, Sentence] = {
    "info": Sentence(("task", "model", "units", "status"), _info),
    "training": Sentence(("network", "epoch", "val_loss", "status"), _training),
    "summary": Sentence(("network", "condition", "task", "fvu", "accuracy"), _summary),
    "comparisons": Sentence(("metric", "distance"), _comparisons),
    "degeneracy": Sentence(("level", "metric", "value", "ci_low", "ci_high"), _degeneracy),
    "embedding": Sentence(("metric", "clusters", "cluster_p_value"), _embedding),
    "fixedpoints": Sentence(("network", "system", "kind", "stable", "certified", "step", "method"), _fixedpoints),
    "ablations": Sentence(("ablation", "delta_fvu"), _ablations),
    "feature_learning": Sentence(
        ("kernel_alignment", "representation_alignment", "weight_change_norm_relative"), _feature_learning
    ),
    "overlaps": Sentence(("value", "visible"), _overlaps),
    "overlap_theory": Sentence(("network", "left", "right", "motion", "measured", "deviation"), _overlap_theory),
    "conserved": Sentence(("quantity", "drift", "holds"), _conserved),
    "gram_matrix": Sentence(("network", "step", "left", "right", "value", "visible", "by_visible"), _gram_matrix),
    "truncations": Sentence(("rank", "share_of_norm", "rollout_distance"), _truncations),
    "path_dependence": Sentence(("measure", "kind", "ratio", "ratio_beyond_control"), _path_dependence),
    "carried_overlaps": Sentence(("network", "phase", "start", "measured", "carried", "deviation"), _carried_overlaps),
    "onsets": Sentence(("network", "crossing", "censored", "status"), _onsets),
    "latent": Sentence(("network", "step", "fixed_points", "flatness", "outside"), _latent),
    "memory_demand": Sentence(("task", "h_star"), _memory_demand),
    "weight_updates": Sentence(("network", "alignment", "alignment_null", "event"), _weight_updates),
    "weight_events": Sentence(("kind", "update", "update_before", "update_after", "status"), _weight_events),
    "freeze_in": Sentence(("network", "epoch", "point", "certified", "abscissa"), _freeze_in),
}
