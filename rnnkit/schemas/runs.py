"""Tables of training, trials and activity, and what files hold."""

from __future__ import annotations

from rnnkit.schemas.columns import NETWORK, STATUS, Column, Schema

__all__ = ["INFO", "ROLLOUT", "SAMPLE", "SUMMARY", "TRAINING"]

TRAINING = Schema(
    "training",
    1,
    "One row per network and epoch of training.",
    ("network", "epoch"),
    (
        NETWORK,
        Column("epoch", "int64", "epochs", "counts from 1, on through the phases of a protocol"),
        Column("phase", "int64", "", "of the protocol, counts from 1; 1 without one", optional=True),
        Column(
            "loss",
            "float64",
            "squared target units",
            "mean training loss of the epoch, penalties left out",
            True,
        ),
        Column(
            "task_loss",
            "float64",
            "squared target units",
            "as `loss`, auxiliary outputs included: the task's part of what is differentiated",
            nullable=True,
            optional=True,
        ),
        Column(
            "tcr_loss",
            "float64",
            "squared state units",
            "mean penalty of `--tcr` over the epoch, its strength included; null without it",
            nullable=True,
            optional=True,
        ),
        Column(
            "mar_loss",
            "float64",
            "",
            "mean penalty of `--mar` over the epoch, its strength included; null without it",
            nullable=True,
            optional=True,
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

SAMPLE = Schema(
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

ROLLOUT = Schema(
    "rollout",
    1,
    "Networks run over trials.",
    ("network", "trial", "step"),
    (
        NETWORK,
        Column("trial", "int64", "trials", "counts from 0"),
        Column("step", "int64", "steps", "counts from 0"),
        Column("input", "vector", "task units", "one number per input channel"),
        Column("target", "vector", "task units", "one number per output channel", True),
        Column("output", "vector", "task units", "one number per output channel", True),
        Column("hidden", "vector", "state units", "h after the step, one number per unit", True),
        STATUS,
    ),
)

SUMMARY = Schema(
    "summary",
    1,
    "How well each network does its task.",
    ("network", "condition"),
    (
        NETWORK,
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
        STATUS,
    ),
    extra_keys=True,
)

INFO = Schema(
    "info",
    1,
    "What checkpoints hold.",
    ("network",),
    (
        NETWORK,
        Column("task", "string", "", "task name", True),
        Column("model", "string", "", "model family"),
        Column("units", "int64", "units", ""),
        Column("val_loss", "float64", "squared target units", "of the last epoch", True),
        Column("training_loss", "float64", "squared target units", "of the last epoch", True),
        Column("seed", "int64", "", "", True),
        Column("inputs", "int64", "channels", ""),
        Column("outputs", "int64", "channels", ""),
        Column("constants", "string", "JSON", "nonlinearity, alpha or tau, gamma, rank; bias, recurrent where unusual"),
        Column("task_parameters", "string", "JSON", "all of them"),
        Column("initial", "bool", "", "the weights before training are kept"),
        Column("path", "string", "", "file"),
        Column("status", "string", "", "`converged`, `budget`, `diverged`, `imported`, or what is wrong"),
    ),
)
