"""Figure 1a: the histograms, and what is said about them, from made-up likelihoods."""

import numpy as np
import pandas as pd
import pytest

from off2on.analysis.tables import LIKELIHOOD_COLUMNS, Tables
from off2on.figures import fig_1a
from off2on.figures.style import style_context


def pairs(gap: float, task: str = "halfcheetah", dataset: str = "random", seeds: int = 2) -> pd.DataFrame:
    """Normal likelihoods around -30 offline and around `-30 - gap` (one less each seed) online, std 2."""
    rng = np.random.default_rng(0)
    parts = []
    for seed in range(seeds):
        for split, centre in (("offline", -30.0), ("online", -30.0 - gap - seed)):
            part = pd.DataFrame({"log_likelihood": rng.normal(centre, 2, 500), "split": split, "seed": seed})
            parts.append(part.assign(task=task, dataset=dataset, importance_samples=200))
    return pd.concat(parts)[list(LIKELIHOOD_COLUMNS)]


def tables(*likelihoods: pd.DataFrame) -> Tables:
    nothing = pd.DataFrame()
    made = {"likelihood": pd.concat(likelihoods)} if likelihoods else {}
    return Tables(nothing, nothing, nothing, [], **made)


def test_the_histograms_hold_all_pairs_of_all_seeds() -> None:
    table = fig_1a.table(tables(pairs(10.0)))
    assert list(table.columns) == ["task", "dataset", "split", "low", "high", "density", "median", "n"]
    assert set(table["n"]) == {1000}
    for _, part in table.groupby("split"):
        assert (part["density"] * (part["high"] - part["low"])).sum() == pytest.approx(1)
        peak = part.loc[part["density"].idxmax()]
        assert peak["low"] - 2 < part["median"].iloc[0] < peak["high"] + 2


def test_far_tails_do_not_stretch_the_axis() -> None:
    far = pairs(10.0)
    far.iloc[-1, far.columns.get_loc("log_likelihood")] = -1e6
    table = fig_1a.table(tables(far))
    assert table["low"].min() > -60
    assert (table["density"] * (table["high"] - table["low"])).groupby(
        table["split"]
    ).sum().tolist() == pytest.approx([1, 1])


def test_a_panel_a_dataset_with_both_kinds_named() -> None:
    found = tables(pairs(10.0), pairs(5.0, "hopper", "medium"), pairs(5.0, "halfcheetah", "medium"))
    with style_context():
        figure = fig_1a.draw(found)
        figure.draw_without_rendering()
        boxes = [axes.get_tightbbox() for axes in figure.axes] + [figure.legends[0].get_window_extent()]
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["halfcheetah-random", "halfcheetah-medium", "hopper-medium"]
    assert {axes.get_xlabel() for axes in figure.axes} == {"log-likelihood (nats)"}
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "offline, held out",
        "online, CQL agent",
    ]
    for i, box in enumerate(boxes):
        assert box is not None
        assert figure.bbox.padded(1).contains(box.x0, box.y0)
        assert figure.bbox.padded(1).contains(box.x1, box.y1)
        assert not any(box.padded(-1).overlaps(other) for other in boxes[:i] if other)


def test_the_finding_gives_gap_and_auroc_seed_by_seed() -> None:
    head, line = fig_1a.finding(tables(pairs(10.0))).splitlines()
    assert head.startswith("Medians of held-out offline and of online pairs")
    # medians of 500 draws: standard error 0.1; gaps of 10 and 11 nats
    assert line.startswith("halfcheetah-random: median of offline pairs -")
    offline, online, gap = (
        float(line.split(word)[1].split()[0]) for word in ("offline pairs", "online pairs", "gap")
    )
    assert (offline, online, gap) == pytest.approx((-30, -40.5, 10.5), abs=0.3)
    assert "with probability 1.000 ± 0.000 (AUROC), 2 seeds" in line


def test_a_gap_the_other_way_has_another_sign() -> None:
    assert "gap -" in fig_1a.finding(tables(pairs(-10.0)))
    assert "gap 1" in fig_1a.finding(tables(pairs(10.0)))


def test_the_notes_say_how_it_is_estimated_and_what_is_absent() -> None:
    estimated, axis = fig_1a.notes(tables(pairs(10.0)))
    assert "K = 200 importance samples" in estimated
    assert "0.5 % to 99.5 %" in axis
    assert fig_1a.notes(tables(pairs(1.0, "hopper")))[0] == "no likelihoods, so no panel: halfcheetah-random"


def test_a_scale_without_likelihoods_says_so() -> None:
    (text,) = fig_1a.draw(tables()).texts
    assert text.get_text() == "Figure 1a: no likelihoods at this scale"
    assert fig_1a.table(tables()).empty
    assert fig_1a.finding(tables()) == "Nothing: this scale has no likelihoods."
    assert fig_1a.notes(tables()) == ["no likelihoods, so no panel: halfcheetah-random"]
