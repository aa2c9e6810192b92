"""Every table's columns, types, units and keys, declared once.

Writers build from these, readers check them, the documentation prints them. Needs no pyarrow.
"""

from __future__ import annotations

from rnnkit.errors import unknown_name
from rnnkit.schemas.activity import DECODING, RAMPING, RAMPING_SUMMARY, SPECTRA, SPECTRA_SUMMARY
from rnnkit.schemas.attractors import FREEZE_IN
from rnnkit.schemas.claims import CLAIMS
from rnnkit.schemas.columns import GOOD, Column, Schema
from rnnkit.schemas.comparing import COMPARISONS, DEGENERACY, EMBEDDING, SENSITIVITY
from rnnkit.schemas.courses import CARRIED_OVERLAPS, PATH_DEPENDENCE
from rnnkit.schemas.dynamics import ABLATION_CONTROLS, ABLATIONS, FIXED_POINT_COVERAGE, FIXED_POINTS, SCHUR
from rnnkit.schemas.latent import LATENT, LATENT_FLOW
from rnnkit.schemas.learning import EIGENVALUES, FEATURE_LEARNING, MEMORY_DEMAND, ONSETS
from rnnkit.schemas.overlaps import CONSERVED, GRAM_MATRIX, OVERLAP_THEORY, OVERLAPS, TRUNCATIONS
from rnnkit.schemas.runs import INFO, ROLLOUT, SAMPLE, SUMMARY, TRAINING
from rnnkit.schemas.updates import WEIGHT_CORRELATION, WEIGHT_EVENTS, WEIGHT_UPDATES

__all__ = ["GOOD", "LEVELS", "SCHEMAS", "Column", "Schema", "get_schema"]

#: What a number in a `degeneracy` table is about.
LEVELS = ("dynamics", "weights", "representation", "behaviour")

SCHEMAS: dict[str, Schema] = {
    schema.name: schema
    for schema in (
        TRAINING,
        SAMPLE,
        ROLLOUT,
        SUMMARY,
        COMPARISONS,
        SENSITIVITY,
        DEGENERACY,
        EMBEDDING,
        FIXED_POINTS,
        FIXED_POINT_COVERAGE,
        ABLATIONS,
        ABLATION_CONTROLS,
        SCHUR,
        FEATURE_LEARNING,
        EIGENVALUES,
        OVERLAPS,
        TRUNCATIONS,
        OVERLAP_THEORY,
        CONSERVED,
        GRAM_MATRIX,
        PATH_DEPENDENCE,
        CARRIED_OVERLAPS,
        MEMORY_DEMAND,
        ONSETS,
        WEIGHT_UPDATES,
        WEIGHT_CORRELATION,
        WEIGHT_EVENTS,
        FREEZE_IN,
        RAMPING,
        RAMPING_SUMMARY,
        DECODING,
        SPECTRA,
        SPECTRA_SUMMARY,
        LATENT,
        LATENT_FLOW,
        CLAIMS,
        INFO,
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
