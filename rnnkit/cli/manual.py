"""What every command reads and writes, and what its exit code 1 means: the part of its help that options do not say."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["MANUAL", "PANELS", "Files", "help_of", "panel"]

_CHECKPOINTS = "checkpoints (safetensors files, rnnkit's own or PyTorch state dicts; folders are searched for them)"
_FLAGGED = "done, but some rows carry a failed status"


@dataclass(frozen=True)
class Files:
    """What a command reads and writes.

    Attributes
    ----------
    reads, writes : str
    flagged : str
        What exit code 1 means; "" for a command that does not end with it.
    """

    reads: str
    writes: str
    flagged: str = _FLAGGED


MANUAL: dict[str, Files] = {
    "train": Files(
        "nothing; a TOML file with --config, checkpoints with --start",
        "a folder with a checkpoint for each network, training.parquet, and snapshots where asked for",
        "done, but a network diverged",
    ),
    "tasks": Files("nothing", "text to standard output", ""),
    "sample": Files("nothing", "a table 'sample': a row for each trial and step", ""),
    "info": Files(
        f"{_CHECKPOINTS}; or any other file that rnnkit writes: tables, snapshots, pictures",
        "a table 'info' of the checkpoints; of other files, text to standard output",
    ),
    "import": Files(".pt, .pth, .safetensors, .npz and .mat files", "a folder with a checkpoint for each network", ""),
    "export": Files(_CHECKPOINTS, "a folder with a .pt, .npz or .mat file for each network", ""),
    "rollout": Files(
        f"{_CHECKPOINTS}; inputs from a file with --inputs",
        "a table 'rollout': a row for each network, trial and step; or 'summary': for each network and condition",
    ),
    "compare": Files(
        f"{_CHECKPOINTS}; activity and inputs from files with --activity and --inputs",
        "a table 'comparisons': a row for each pair and metric; 'sensitivity' with --sensitivity",
    ),
    "degeneracy": Files(
        "tables 'comparisons' and 'summary', or one of them",
        "a table 'degeneracy': a row for each group, level and metric; 'embedding' with --embed",
    ),
    "fixedpoints": Files(
        _CHECKPOINTS,
        "a table 'fixedpoints': a row for each network and point, with --history for each snapshot and point; "
        "'fixedpoint_coverage' with --coverage",
        "done, but some points lack a proof, or are proven to be missing",
    ),
    "schur-ablate": Files(
        _CHECKPOINTS,
        "a table 'ablations': a row for each network and ablation; 'ablation_controls', 'schur' and the ablated "
        "networks where asked for",
    ),
    "feature-learning": Files(
        f"{_CHECKPOINTS}. They must hold their weights before training",
        "a table 'feature_learning': a row for each network",
    ),
    "overlaps": Files(
        f"{_CHECKPOINTS}; their snapshots with --history; inputs from a file with --inputs",
        "a table 'overlaps': a row for each network, step and pair of vectors; 'truncations' with --truncations",
    ),
    "path-dependence": Files(
        f"{_CHECKPOINTS}. Low-rank networks trained with --protocol, and their snapshots",
        "a table 'path_dependence': a row for each network or pair and kind of overlaps; 'carried_overlaps' with "
        "--connection",
    ),
    "weight-updates": Files(
        f"{_CHECKPOINTS}, and their snapshots; onsets from a table with --onsets",
        "a table 'weight_updates': a row for each network and snapshot; 'weight_correlation' with --correlation, "
        "'weight_events' with --sides",
    ),
    "twin": Files(
        f"{_CHECKPOINTS}; or overlaps from a table with --overlaps", "a folder with a checkpoint for each twin", ""
    ),
    "sample-gram": Files("nothing, or a table of overlaps", "a folder with a checkpoint for each network", ""),
    "memory-demand": Files("nothing", "a table 'memory_demand': a row for each length of history"),
    "onset": Files(
        f"{_CHECKPOINTS}, with training.parquet beside them, or a table with --training; their snapshots where there "
        "are any",
        "a table 'onsets': a row for each network",
    ),
    "freeze-in": Files(
        "nothing",
        "a table 'freeze_in': a row for each network, probe and cue; the networks with --save",
        "done, but some settled states are not proven to be fixed points",
    ),
    "ramping": Files(
        f"{_CHECKPOINTS}; their snapshots with --history",
        "a table 'ramping': a row for each network, step of training and unit; 'ramping_summary' with --summary",
    ),
    "decode": Files(
        f"{_CHECKPOINTS}; their snapshots with --history",
        "a table 'decoding': a row for each network, step of training, step of a trial, group of units and target",
    ),
    "spectrum": Files(
        f"{_CHECKPOINTS}; their snapshots with --history",
        "a table 'spectra': a row for each network, step of training, group of units and frequency; "
        "'spectra_summary' with --summary",
    ),
    "latent": Files(
        f"{_CHECKPOINTS}. Networks of rank one; their snapshots with --history; ends of the search with --onsets",
        "a table 'latent': a row for each network and step; 'latent_flow' with --flow",
    ),
    "plot": Files("tables", "a picture: .png, .svg or .pdf", "drawn, but for what standard error names"),
    "report": Files(
        "a folder with checkpoints and tables, and the folders below it",
        "a page: one .html file that needs no other",
        "written, but for files and pictures that standard error names",
    ),
}

#: The groups of `rnnkit --help`, in its order.
PANELS: dict[str, tuple[str, ...]] = {
    "Networks": ("train", "import", "export", "info", "twin", "sample-gram", "freeze-in"),
    "Tasks": ("tasks", "sample", "memory-demand"),
    "Run and compare": ("rollout", "compare", "degeneracy"),
    "Activity": ("ramping", "decode", "spectrum"),
    "Take apart": ("fixedpoints", "schur-ablate", "feature-learning", "overlaps"),
    "Along training": ("path-dependence", "onset", "weight-updates", "latent"),
}


def panel(name: str) -> str:
    """Return the group of a command.

    Examples
    --------
    >>> panel("compare"), panel("plot")
    ('Run and compare', 'Look')
    """
    return next((title for title, names in PANELS.items() if name in names), "Look")


def help_of(name: str, says: str) -> str:
    """Return a command's help: what it does, what it reads and writes, and its exit codes.

    Examples
    --------
    >>> print(help_of("sample", "Draw trials."))
    Draw trials.
    <BLANKLINE>
    Reads: nothing.
    <BLANKLINE>
    Writes: a table 'sample': a row for each trial and step.
    <BLANKLINE>
    Exit codes: 0 done; 2 bad usage or input, nothing written; 130 interrupted.
    """
    parts = [says]
    files = MANUAL.get(name)
    flagged = ""
    if files is not None:
        parts += [f"Reads: {files.reads}.", f"Writes: {files.writes}."]
        flagged = f"1 {files.flagged}; " if files.flagged else ""
    return "\n\n".join(
        [*parts, f"Exit codes: 0 done; {flagged}2 bad usage or input, nothing written; 130 interrupted."]
    )
