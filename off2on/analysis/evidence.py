"""The tables of `off2on claims`: verdicts on the paper's claims, and the statistics beside them.

The DAG reads `FILES` from here, so pandas and rliable are imported only when the tables are made or read.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from off2on.analysis.tables import read_tables
from off2on.config import REPOSITORY
from off2on.files import write_text

if TYPE_CHECKING:
    import pandas as pd

CLAIMS = REPOSITORY / "workflow" / "claims.yaml"
#: one row per claim; per run and budget; per task, dataset and other method; per statistic and method
FILES = ("verdicts.csv", "budgets.csv", "differences.csv", "aggregates.csv")


@dataclass(frozen=True)
class Evidence:
    """What `off2on claims` found."""

    #: columns of `verdicts.judge`
    verdicts: "pd.DataFrame"
    #: score and regret of every run at fixed budgets: columns of `statistics.fixed_budgets`
    budgets: "pd.DataFrame"
    #: final score of Ours minus that of each other method: columns of `statistics.paired_differences`
    differences: "pd.DataFrame"
    #: statistic ('iqm' or 'probability of improvement'), method, value, low, high, seeds, datasets; empty for few
    #: seeds or tasks
    aggregates: "pd.DataFrame"


def gather_evidence(analysis: Path, claims: Path = CLAIMS) -> Evidence:
    """Test the claims on the tables of an `analysis/` directory and write `FILES` beside them.

    Raises:
        Off2OnError: a table is missing, a claim is wrong, or a file cannot be written.
    """
    from off2on.analysis import statistics
    from off2on.analysis.paper_claims import read_claims
    from off2on.analysis.verdicts import judge

    wanted, tables = read_claims(claims), read_tables(analysis)
    finals = statistics.final_scores(tables.runs)
    evidence = Evidence(
        judge(wanted, tables),
        statistics.fixed_budgets(tables.curves),
        statistics.paired_differences(finals),
        statistics.aggregates(finals),
    )
    for name in FILES:
        table = getattr(evidence, Path(name).stem)
        write_text(analysis / name, table.to_csv(index=False, lineterminator="\n"))
    return evidence


def read_evidence(analysis: Path) -> Evidence | None:
    """What `gather_evidence` wrote; None: it has not run on this directory."""
    import pandas as pd

    if not all((analysis / name).is_file() for name in FILES):
        return None
    tables = [pd.read_csv(analysis / name, keep_default_na=False, na_values=[""]) for name in FILES]
    return Evidence(tables[0].fillna({"unit": ""}), *tables[1:])
