"""Every schema is declared whole, and documented."""

from pathlib import Path

import pytest

from rnnkit.errors import InputError
from rnnkit.schemas import SCHEMAS, get_schema
from rnnkit.tables import arrow_schema

#: The contract's columns beyond the key; a schema may have more.
CONTRACT = {
    "training": (("network", "epoch"), "loss val_loss accuracy grad_norm lr seconds status"),
    "rollout": (("network", "trial", "step"), "input target output hidden"),
    "summary": (("network", "condition"), "task trials steps loss fvu accuracy status"),
    "comparisons": (("a", "b", "metric"), "distance lower_bound status starts seconds"),
    "degeneracy": (("level", "metric"), "value se ci_low ci_high networks pairs"),
    "ablations": (
        ("network", "ablation"),
        "fvu_full fvu delta_fvu accuracy_full accuracy removed_mass sensitivity rollout_distance status",
    ),
    "fixedpoints": (
        ("network", "point"),
        "kind speed certified radius stable unstable_dims spectral_radius eigenvalues state output input starts_share "
        "status unique_radius stability_certified index kink",
    ),
    "fixedpoint_coverage": (
        ("network", "system", "starts_from"),
        "index_sum starts seen_once seen_twice missing_mass missing_mass_bound chao1",
    ),
    "overlaps": (("network", "step", "left", "right"), "value visible share_of_norm"),
    "latent": (
        ("network", "step"),
        "fixed_points stable roots flatness flatness_range min_abs_velocity status",
    ),
    "latent_flow": (("network", "step", "kappa"), "velocity slope"),
    "feature_learning": (
        ("network",),
        "weight_change_norm weight_change_norm_relative kernel_alignment representation_alignment status",
    ),
}
LISTS = ("vector", "vector64", "complexes")


@pytest.mark.parametrize("name", CONTRACT)
def test_the_contracts_columns(name):
    key, columns = CONTRACT[name]
    schema = get_schema(name)
    assert schema.key == key
    assert set(columns.split()) <= {column.name for column in schema.columns} - set(key)


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=lambda schema: schema.name)
def test_a_schema_is_whole(schema):
    assert schema.summary.endswith(".")
    assert schema.version >= 1
    names = [column.name for column in schema.columns]
    assert len(set(names)) == len(names)
    assert set(schema.key) <= set(names)
    for column in schema.columns:
        assert column.type in ("string", "int64", "float64", "bool", *LISTS)
        assert column.meaning or column.name in ("units", "inputs", "outputs", "seed")
        assert column.unit or column.type not in LISTS
        assert not (column.nullable and column.name in schema.key)
    nullable = [column for column in schema.columns if column.nullable]
    assert not nullable or schema.column("status") is not None


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=lambda schema: schema.name)
def test_a_schema_is_documented(schema):
    """The site's tables are generated from the declarations, for every schema."""
    generator = Path(__file__).parents[1] / "docs" / "generate.py"
    assert "SCHEMAS" in generator.read_text()
    fields = arrow_schema(schema)
    for column in schema.columns:
        if column.name not in schema.key:
            assert fields.field(column.name).metadata[b"meaning"].decode() == column.meaning


def test_unknown_schemas():
    with pytest.raises(InputError, match="did you mean 'summary'"):
        get_schema("summery")
