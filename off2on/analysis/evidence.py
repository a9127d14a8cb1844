"""The tables of `off2on claims`: verdicts on the claims, the pairs behind them, and the statistics beside them.

The DAG reads `FILES` from here, so pandas is imported only when the tables are made or read.
"""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from off2on.analysis.csv_tables import read_csv, write_csv
from off2on.analysis.tables import Tables, read_tables
from off2on.config import REPOSITORY
from off2on.reading import Reading

if TYPE_CHECKING:
    import pandas as pd

CLAIMS = REPOSITORY / "workflow" / "claims.yaml"


@dataclass(frozen=True)
class Evidence:
    """What `off2on claims` found: a file for every field."""

    #: a row per claim: columns of `verdicts.judge`
    claims: "pd.DataFrame"
    #: a row per claim and pair: columns of `verdicts.judge`
    claim_units: "pd.DataFrame"
    #: score and regret of every run at fixed budgets: columns of `comparisons.fixed_budgets`
    budgets: "pd.DataFrame"
    #: final score of Ours minus that of each other method: columns of `comparisons.paired_differences`
    differences: "pd.DataFrame"
    #: statistic ('iqm' or 'probability of improvement'), method, value, low, high, seeds, datasets; empty for few
    #: seeds or tasks
    aggregates: "pd.DataFrame"


FILES = tuple(f"{field.name}.csv" for field in fields(Evidence))


def evidence_of(tables: Tables, claims: Path = CLAIMS) -> Evidence:
    """Test the claims on tables, and compute the statistics beside them.

    Raises:
        Off2OnError: a claim is wrong.
    """
    from off2on.analysis import comparisons
    from off2on.analysis.aggregates import aggregates
    from off2on.analysis.claims_file import read_claims
    from off2on.analysis.verdicts import judge

    finals = comparisons.final_scores(tables.runs)
    return Evidence(
        *judge(read_claims(claims), tables),
        budgets=comparisons.fixed_budgets(tables.curves),
        differences=comparisons.paired_differences(finals),
        aggregates=aggregates(finals),
    )


def gather_evidence(analysis: Path, claims: Path = CLAIMS, reading: Reading | None = None) -> Evidence:
    """The same of the tables of an `analysis/` directory, written as `FILES` beside them.

    Raises:
        Off2OnError: a table is missing, a claim is wrong, or a file cannot be written.
    """
    evidence = evidence_of(read_tables(analysis, reading), claims)
    for name in FILES:
        write_csv(getattr(evidence, Path(name).stem), analysis / name)
    return evidence


def read_evidence(analysis: Path) -> Evidence | None:
    """What `gather_evidence` wrote; None: it has not run on this directory.

    Raises:
        Off2OnError: a table is damaged.
    """
    if not all((analysis / name).is_file() for name in FILES):
        return None
    from off2on.analysis import comparisons, verdicts
    from off2on.analysis.aggregates import AGGREGATE_COLUMNS

    columns = {
        "claims": verdicts.COLUMNS,
        "claim_units": verdicts.UNIT_COLUMNS,
        "budgets": comparisons.BUDGET_COLUMNS,
        "differences": comparisons.DIFFERENCE_COLUMNS,
        "aggregates": AGGREGATE_COLUMNS,
    }
    # a claim without a figure, a unit or a reason, and a pair that averages over tasks or datasets
    empty = {"claims": ("figures", "unit", "why"), "claim_units": ("task", "dataset")}
    found = {
        name: read_csv(analysis / f"{name}.csv", wanted, "off2on claims", empty.get(name, ()))
        for name, wanted in columns.items()
    }
    evidence = Evidence(**found)
    for column in empty["claims"]:
        evidence.claims[column] = evidence.claims[column].fillna("")
    return evidence
