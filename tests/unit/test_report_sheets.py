"""What the report's tables and sentences say, without a page."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest

from off2on.analysis.dataset_facts import gather_facts
from off2on.figures.claim_sheets import main_comparison
from off2on.figures.origins import datasets_sheet, methods_sheet, settings_sheets
from off2on.figures.sheets import NOTHING, Sheet
from off2on.figures.svg import inline_svg
from off2on.paths import Layout
from tests.unit.synthetic_results import run_info


def made(*jobs: tuple[str, str], kind: str = "finetune") -> list[dict[str, Any]]:
    """What run.json of jobs of (dataset, method or algorithm) says."""
    return [run_info(kind, "quick", "local", "halfcheetah", data, name, 0) for data, name in jobs]


def columns(sheet: Sheet) -> dict[str, dict[str, str]]:
    """Method -> setting -> value, of what it uses."""
    return {
        name: {str(row[0]): str(row[i]) for row in sheet.rows if row[i] != NOTHING}
        for i, name in enumerate(sheet.header[1:], 1)
    }


def test_settings_name_the_dataset_where_they_differ() -> None:
    jobs = [("random", "ours"), ("medium-replay", "ours"), ("medium", "ours"), ("none", "sac")]
    online, offline = settings_sheets(made(*jobs) + made(("random", "cql"), ("medium", "cql"), kind="pretrain"))
    found = columns(online)
    assert list(found) == ["Ours (as then)", "SAC (as then)"]
    assert found["Ours (as then)"] == {"online.env_steps": "5000", "online.lr": "0.0003", "balanced.rho": "0.75"}
    assert columns(offline)["CQL"]["cql.min_q_weight"] == "10; 5 (halfcheetah-random)"


def test_settings_are_those_that_the_jobs_recorded() -> None:
    (info,) = made(("medium", "ours"))
    settings = {"new": {"deep": {"rate": 1e-4, "widths": [64, 64]}, "limit": None}, "flag": True}
    sheet = settings_sheets([info | {"settings": settings}, *made(("none", "sac"))])[0]
    found = columns(sheet)
    assert found["Ours (as then)"] == {
        "new.deep.rate": "0.0001",
        "new.deep.widths": "[64, 64]",
        "new.limit": "none",
        "flag": "True",
    }
    assert found["SAC (as then)"].keys() == {"online.env_steps", "online.lr"}
    assert sheet.note == "–: not read."


def test_methods_name_the_dataset_where_their_size_differs() -> None:
    jobs = made(("random", "ours"), ("medium", "ours"))
    (row,) = methods_sheet([*jobs, jobs[0] | {"task": "pick-place", "dataset": "mixed", "members": 2}]).rows
    assert row[2] == "3; 2 (pick-place-mixed)"


def test_pretrainings_are_in_the_order_of_the_alphabet() -> None:
    sheet = settings_sheets(made(*(("medium", name) for name in ("fqe", "cql", "iql")), kind="pretrain"))[1]
    assert sheet.header == ["setting", "CQL", "FQE", "IQL"]


def test_datasets_tell_how_they_were_made(tmp_path: Path) -> None:
    layout = Layout("quick", "local", tmp_path)
    path = layout.dataset("halfcheetah", "medium-replay")
    path.parent.mkdir(parents=True)
    with h5py.File(path, "w") as file:
        file.attrs.update({"recipe": "medium-replay (snapshots)", "env_id": "HalfCheetah-v4", "seed": 0})
    info = run_info("finetune", "quick", "local", "halfcheetah", "medium-replay", "ours", 0)
    name = "halfcheetah/medium-replay"
    facts = gather_facts([(name, path), ("hopper/medium", path.with_name("medium.hdf5"))])
    assert facts.keys() == {name}
    (row,) = datasets_sheet(facts, "local", [info | {"dataset_transitions": 99_899}]).rows
    assert "snapshots of one SAC run, an equal share each" in str(row[1])
    assert row[2:] == ["99899", "–", "HalfCheetah-v4", "0", "ab" * 6]
    # agents of the user's own, by `off2on collect --agents`
    facts[name]["recipe"] = "members of seed0"
    facts[name]["origins"] = "member 0 10 rows (100%)"
    told = datasets_sheet(facts, "local", [info])
    # no recipe of this project's actors made it
    assert (told.rows[0][1], told.note) == ("members of seed0: member 0 10 rows (100%)", "")
    # without the file, the source still says what is known
    bare = datasets_sheet({}, "d4rl-v0", [info])
    assert bare.rows[0][1] == "d4rl-v0, not the published file"
    assert bare.note.endswith("Some files of datasets were not here, so what they alone say is missing.")
    facts[name]["recipe"] = "imported from mine.hdf5"
    assert datasets_sheet(facts, "own", [info]).rows[0][1] == "own: imported from mine.hdf5"


@pytest.mark.parametrize("source", ["local", "d4rl-v0"])
def test_data_of_manipulation_tell_their_shares_at_every_source(tmp_path: Path, source: str) -> None:
    layout = Layout("quick", source, tmp_path)
    path = layout.dataset("pick-place", "mixed")
    path.parent.mkdir(parents=True)
    with h5py.File(path, "w") as file:
        file.attrs.update({"recipe": "halves and random actions", "env_id": "off2on/PickPlace-v0", "seed": 0})
        file["origin"] = np.repeat(np.arange(3, dtype=np.uint8), (600, 300, 100))
        file["origin"].attrs["names"] = ["prior", "task", "random"]
    info = run_info("finetune", "quick", source, "pick-place", "mixed", "ours", 0) | {"dataset_mean_return": 0.3}
    (row,) = datasets_sheet(gather_facts([("pick-place/mixed", path)]), source, [info]).rows
    assert row[1] == "halves and random actions: prior 600 rows (60%), task 300 rows (30%), random 100 rows (10%)"
    # whole episodes, which alone have a return, are the random ones
    assert row[3] == NOTHING
    assert datasets_sheet({}, source, [info]).rows[0][1] == NOTHING


def test_inlined_svgs_keep_to_themselves() -> None:
    svg = (
        '<?xml version="1.0"?><!DOCTYPE svg><svg viewBox="0 0 72 36" width="72pt" xmlns="x"><metadata>m</metadata>'
        '<style type="text/css">*{stroke: red}</style><g id="a" clip-path="url(#b)"/><use xlink:href="#a"/></svg>'
    )
    text = inline_svg(svg, "one", "A figure")
    assert text.startswith('<svg id="one" role="img" aria-label="A figure" viewBox="0 0 72 36"')
    assert "#one *{stroke: red}" in text
    assert '<g id="one-a" clip-path="url(#one-b)"/><use xlink:href="#one-a"/>' in text
    assert "metadata" not in text
    with pytest.raises(ValueError, match="viewBox"):
        inline_svg("<svg></svg>", "two", "x")


PIXELS = {"task": "pick-place", "dataset": "mixed"}


def test_the_main_comparison_says_where_ours_loses() -> None:
    claims = [
        {"claim": "ours-ends-above-sac-ft", "statement": "Ours wins", "verdict": "undecided", "why": "2 seeds"}
    ]
    rows = [
        ("medium-expert", "ours", "Ours", 3000.0, 2000.0),
        ("medium-expert", "awac", "AWAC", 3500.0, 4000.0),
        ("medium", "ours", "Ours", 3000.0, 3100.0),
        ("medium", "sac-ft", "SAC-ft", 3000.0, 3050.0),
        ("none", "sac", "SAC", 0.0, 9000.0),
    ]
    final = pd.DataFrame(rows, columns=["dataset", "method", "label", "return_start", "return_mean"])
    pixels = [("ours", "Ours", 12.0, 2.0, 0.6, 0.05), ("cql-ft", "CQL-ft", 8.0, 5.0, 0.4, 0.225)]
    columns = ["method", "label", "return_start", "return_mean", "success_start", "success_mean"]
    final = pd.concat([final.assign(task="halfcheetah"), pd.DataFrame(pixels, columns=columns).assign(**PIXELS)])
    assert main_comparison(pd.DataFrame(claims), final) == (
        "Ours wins: undecided (2 seeds). "
        "Ours ends highest on 1 of 3 datasets, compared with AWAC, SAC-ft and CQL-ft. "
        "On halfcheetah-medium-expert its return falls from 3000 to 2000; AWAC ends at 4000, 2.0 times that. "
        "On pick-place-mixed its success falls from 60% to 5%; CQL-ft ends at 22.5%, 4.5 times that."
    )


def test_a_rise_from_a_negative_start_is_no_loss() -> None:
    rows = [("ours", "Ours", -100.0, -95.0), ("sac-ft", "SAC-ft", 3000.0, 3000.0)]
    final = pd.DataFrame(rows, columns=["method", "label", "return_start", "return_mean"])
    final = final.assign(task="halfcheetah", dataset="random", success_mean=float("nan"))
    told = main_comparison(pd.DataFrame({"claim": []}), final)
    assert told == "Ours ends above SAC-ft on 0 of 1 dataset."
