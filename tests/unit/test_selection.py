"""What `--config` may say, and which jobs a scale stands for."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from off2on.config import REPOSITORY
from off2on.envs.tasks import names_of
from off2on.errors import Off2OnError
from off2on.figures.registry import FIGURES
from off2on.methods import METHODS, get_method
from off2on.patterns import check_baseline, check_patterns
from off2on.scale import SCALES, Scale, load_scale
from off2on.scale_jobs import Pretraining, Run, datasets, matching, pretrainings, runs
from off2on.selection import select


def test_without_config_it_is_quick() -> None:
    chosen = select({})
    assert (chosen.argument, chosen.scale, chosen.baselines) == ("quick", load_scale("quick"), None)
    assert str(chosen.layout.figures) == "figures/quick/local"


def test_paper_is_3_manipulation_tasks_with_8_seeds() -> None:
    scale = load_scale("paper", tasks=names_of("manipulation"))
    cells = {
        "ours",
        "online-only",
        "ours-n1",
        "sac-ft-online",
        "cql-reg",
        "cql-reg-online",
        "cql-reg-n1",
        "cql-ft",
    }
    assert Counter(run.method for run in runs(scale)) == dict.fromkeys(cells, 3 * 8)
    assert Counter(job.algorithm for job in pretrainings(runs(scale))) == {"cql": 3 * 8}
    assert {scale.settings(*place).members for place in datasets(scale)} == {4}


def test_paper_is_12_datasets_with_4_seeds_of_each_method() -> None:
    scale = load_scale("paper", tasks=names_of("locomotion"))
    per_method = Counter(run.method for run in runs(scale))
    assert per_method.pop("sac") == 3 * 4
    # Figs 1b, 1c and 13 are of halfcheetah alone
    alone = {name: per_method.pop(name) for name in ("sac-ft-online", "fqe-init-n1", "fqe-init")}
    assert alone == {"sac-ft-online": 4, "fqe-init-n1": 2 * 4, "fqe-init": 4 * 4}
    assert set(per_method.values()) == {12 * 4}
    assert len(datasets(scale)) == 12
    per_algorithm = Counter(job.algorithm for job in pretrainings(runs(scale)))
    assert per_algorithm == {"cql": 12 * 4, "awac": 12 * 4, "bcq": 12 * 4, "iql": 12 * 4, "fqe": 4 * 4}


@pytest.mark.parametrize("name", SCALES)
def test_every_run_has_what_it_starts_from(name: str) -> None:
    scale = load_scale(name)
    have = set(pretrainings(runs(scale)))
    for run in runs(scale):
        algorithm = get_method(run.method).start
        assert (algorithm is None) == (run.method == "sac")
        assert algorithm is None or Pretraining(run.task, run.dataset, algorithm, run.seed) in have
        assert (run.dataset == "none") == (run.method == "sac")
    assert len(set(runs(scale))) == len(runs(scale))


def test_a_selection_narrows_the_grid_and_changes_no_settings() -> None:
    whole = load_scale("smoke")
    config = {"scale": "smoke", "datasets": "medium", "methods": ["ours", "sac"], "seeds": 2, "source": "d4rl-v2"}
    part = select(config).scale
    assert runs(part) == [
        Run("halfcheetah", "medium", "ours", 0),
        Run("halfcheetah", "medium", "ours", 1),
        Run("halfcheetah", "none", "sac", 0),
        Run("halfcheetah", "none", "sac", 1),
    ]
    assert part.settings("halfcheetah", "medium") == whole.settings("halfcheetah", "medium")
    assert select(config).layout.source == "d4rl-v2"


def test_names_of_baselines_are_told_apart_from_own_methods() -> None:
    chosen = select({"methods": ["ours", "mine"], "baselines": "/path/mine.smk"})
    assert list(chosen.scale.methods) == ["ours"]
    assert chosen.baselines == ("mine",)
    assert chosen.baseline_files == ("/path/mine.smk",)


def test_chosen_figures_keep_the_order_of_the_report() -> None:
    assert select({}, FIGURES).figures == tuple(FIGURES)
    assert select({"figures": ["table_b", "fig_4a", "fig_3"]}, FIGURES).figures == ("fig_3", "fig_4a", "table_b")


def test_patterns_pick_datasets_of_a_task() -> None:
    scale = load_scale("paper")
    assert matching(scale, "hopper", ["*/medium*"]) == ["medium", "medium-replay", "medium-expert"]
    assert matching(scale, "hopper", ["walker2d/*"]) == []
    assert matching(scale, "hopper", ["none"]) == ["none"]


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"scale": "qick"}, "scale=qick: unknown 'qick'; did you mean 'quick'? it may be: smoke, quick"),
        ({"scale": "/none.yaml"}, "no file /none.yaml"),
        ({"scael": "quick"}, "unknown key 'scael'; did you mean 'scale'?"),
        ({"tasks": ["hopper", "hoper"]}, "tasks=hoper: unknown 'hoper'; did you mean 'hopper'?"),
        ({"datasets": ["medum"]}, "datasets=medum: unknown 'medum'; did you mean 'medium'?"),
        ({"figures": ["fig_5"]}, "figures=fig_5: unknown 'fig_5'; did you mean 'fig_"),
        ({"source": "d4rl"}, "source=d4rl: unknown 'd4rl'"),
        ({"methods": 3}, "methods=3: expected a list of names, such as 'methods=[ours,sac]'"),
        ({"methods": []}, "expected a list of names"),
        ({"seeds": "four"}, "seeds=four: expected a number, at least 1, such as seeds=10"),
        ({"seeds": 0}, "seeds=0: expected"),
    ],
)
def test_a_wrong_config_names_key_value_and_fix(config: dict[str, Any], says: str) -> None:
    with pytest.raises(Off2OnError) as caught:
        select(config, FIGURES)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("method", "patterns"), [("sac", ["*/*"]), ("ours", ["none"]), ("ours", ["*/*", "none"])])
def test_a_method_on_the_wrong_kind_of_data_is_an_error(method: str, patterns: list[str]) -> None:
    with pytest.raises(Off2OnError, match=rf"methods\.{method}: patterns"):
        runs(load_scale("smoke", methods={method: patterns}))


def scale_of(tmp_path: Path, text: str) -> Scale:
    path = tmp_path / "own.yaml"
    path.write_text(f"extends: smoke\nname: own\n{text}\n")
    return load_scale(str(path))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("methods: {ours: ['*/medum']}", "methods.ours: '*/medum' fits no task/dataset; did you mean '*/medium'?"),
        (
            "likelihood: {datasets: [hoper/random]}",
            "likelihood.datasets: 'hoper/random' fits no task/dataset; did",
        ),
        (
            "overrides: {'halfcheeta/*': {members: 3}}",
            "overrides.'halfcheeta/*' fits no task/dataset or task/dataset/method; did you mean 'halfcheetah/*'?",
        ),
        ("overrides: {'*/medium*/our': {members: 3}}", "did you mean '*/medium*/ours'?"),
        ("overrides: {a/b/c/d: {members: 3}}", "overrides.'a/b/c/d' fits no"),
        ("overrides: {'*': {members: 3}}", "overrides.'*' fits no"),
        ("overrides: {'*/*/mine': {members: 3}}", "overrides.'*/*/mine' fits no"),
    ],
)
def test_a_pattern_that_fits_nothing_is_an_error(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(Off2OnError) as caught:
        check_patterns(scale_of(tmp_path, text), "own.yaml", METHODS)
    assert str(caught.value).startswith("own.yaml: ")
    assert says in str(caught.value)


def test_a_pattern_may_fit_what_the_scale_does_not_select(tmp_path: Path) -> None:
    text = "overrides: {'hopper/*': {members: 3}, '*/none': {members: 3}, '*/*/mine': {members: 3}}"
    check_patterns(scale_of(tmp_path, text), "own.yaml", [*METHODS, "mine"])
    # without the baselines' files any method may exist
    check_patterns(scale_of(tmp_path, text), "own.yaml")


@pytest.mark.parametrize("path", sorted((REPOSITORY / "config").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_pattern_of_the_scales_fits(path: Path) -> None:
    check_patterns(load_scale(str(path)), path, METHODS)


def test_a_method_may_not_need_more_members_than_are_pretrained(tmp_path: Path) -> None:
    text = "methods: {ours-n5: ['*/random', '*/medium']}\noverrides: {'*/random': {members: 5}}"
    says = "methods.ours-n5: needs 5 members on halfcheetah/medium, but scale own pre-trains 2"
    with pytest.raises(Off2OnError, match=says):
        runs(scale_of(tmp_path, text))
    assert len(runs(scale_of(tmp_path, text.replace(", '*/medium'", "")))) == 1


@pytest.mark.parametrize(
    ("name", "patterns", "says"),
    [
        ("my/method", ["*/*"], "'my/method' is not a valid name of a method"),
        ("my method", ["*/*"], "'my method' is not a valid name of a method"),
        ("", ["*/*"], "'' is not a valid name of a method"),
        ("ours", ["*/*"], "'ours': the method exists already"),
        ("mine", ["*/medum"], "'mine': '*/medum' fits no task/dataset; did you mean '*/medium'?"),
    ],
)
def test_a_baseline_has_a_name_of_its_own_and_fitting_patterns(name: str, patterns: list[str], says: str) -> None:
    check_baseline("random-policy", ["none", "*/random"], METHODS, ["fig_3"], FIGURES)
    with pytest.raises(Off2OnError) as caught:
        check_baseline(name, patterns, METHODS, ["fig_3"], FIGURES)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("datasets", "figures", "says"),
    [
        ("*/medium", ["fig_3"], "datasets='*/medium': expected a list of names, such as ['*/medium']"),
        (["*/medium"], "fig_3", "figures='fig_3': expected a list of names, such as ['fig_3']"),
        (["*/medium"], ["fig_33"], "figures: unknown 'fig_33'; did you mean 'fig_3'?"),
    ],
)
def test_a_baseline_names_lists_of_what_exists(datasets: Any, figures: Any, says: str) -> None:
    with pytest.raises(Off2OnError, match=re.escape(says)):
        check_baseline("mine", datasets, METHODS, figures, FIGURES)
