"""What a shell offers after Tab: names of tasks, parameters, metrics, families and kinds of plots.

A shell waits for this at every Tab, so nothing here imports torch: not even the package of the metrics.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import typer

__all__ = ["METRIC_NAMES", "choices", "kinds", "metrics", "models", "solvers", "task_parameters", "tasks"]

Offers = list[tuple[str, str]]

#: The metrics of `compare`, in the order of its help: `rnnkit.metrics.METRICS`, which cannot be had without torch.
METRIC_NAMES = (
    *("dsa", "dsa-angular", "dsa-wasserstein", "input-dsa", "pif", "pif-initial", "frobenius", "spectrum"),
    *("svcca", "cka", "procrustes", "behaviour", "behaviour-ood"),
)


def _begin(incomplete: str, offers: Iterable[tuple[str, str]]) -> Offers:
    return [(name, says) for name, says in offers if name.startswith(incomplete)]


def _list(incomplete: str, names: Iterable[str]) -> Offers:
    """Offer the names that may follow in a list with commas; those before stay, and none comes twice."""
    before, comma, last = incomplete.rpartition(",")
    taken = before.split(",")
    return [(before + comma + name, "") for name in names if name.startswith(last) and name not in taken]


def choices(*names: str) -> Callable[[str], Offers]:
    """Return what offers these names.

    Examples
    --------
    >>> choices("heldout", "training")("h")
    [('heldout', '')]
    """
    return lambda incomplete: _begin(incomplete, [(name, "") for name in names])


def tasks(incomplete: str) -> Offers:
    """Offer tasks and presets, with what they are.

    Examples
    --------
    >>> tasks("flipflop")[:1]
    [('flipflop', 'hold the sign of the last pulse on each of several bits')]
    """
    from rnnkit.tasks import PRESETS, task_class, task_names

    named = [(name, preset.summary) for name, preset in PRESETS.items()]
    return _begin(incomplete, [*((name, task_class(name).summary) for name in task_names()), *named])


def task_parameters(context: typer.Context, incomplete: str) -> Offers:
    """Offer `KEY=` for the parameters of the task that the line names so far, but for those given."""
    from rnnkit.tasks import PRESETS, TASKS, describe, task_class

    # While -t has no value yet, arguments have not been given their names.
    words = [*context.args, context.params.get("task")]
    name = next((word for word in words if word in TASKS or word in PRESETS), None)
    if name is None:
        return []
    given = {text.partition("=")[0] for text in context.params.get("parameters") or []}
    offers = [(f"{p.name}=", p.help) for p in describe(task_class(name)) if p.name not in given]
    return _begin(incomplete, offers)


def metrics(incomplete: str) -> Offers:
    """Offer metrics, also after a comma.

    Examples
    --------
    >>> metrics("dsa,svc")
    [('dsa,svcca', '')]
    """
    return _list(incomplete, METRIC_NAMES)


def models(incomplete: str) -> Offers:
    """Offer model families, with what they are."""
    from rnnkit.architectures import FAMILIES

    return _begin(incomplete, [(name, family.summary) for name, family in FAMILIES.items()])


def kinds(incomplete: str) -> Offers:
    """Offer kinds of plots, with what they show."""
    from rnnkit.plots import KINDS

    return _begin(incomplete, [(name, kind.summary) for name, kind in KINDS.items()])


#: Of `compare --solver`.
solvers = choices("rnnkit", "dsa-metric", "qc-procrustes")
