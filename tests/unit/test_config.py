"""The scales: what their files say, and what a wrong file says back."""

from pathlib import Path

import jsonschema
import pytest
import yaml

from off2on import schema
from off2on.config import REPOSITORY, SCALES, load_scale
from off2on.errors import Off2OnError

FILES = [*sorted((REPOSITORY / "config").glob("*.yaml")), REPOSITORY / "tests" / "micro.yaml"]


def test_the_four_scales_are_there_under_their_own_names() -> None:
    assert [load_scale(name).name for name in SCALES] == list(SCALES)


def test_the_schema_is_the_generated_one() -> None:
    assert schema.PATH.read_text() == schema.text(), "run: python -m off2on.schema"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_file_fits_model_and_schema(path: Path) -> None:
    load_scale(str(path))
    jsonschema.validate(yaml.safe_load(path.read_text()), schema.scale_schema())
    assert path.read_text().startswith("# yaml-language-server: $schema=")


def test_the_papers_own_settings() -> None:
    paper = load_scale("paper")
    usual, medium, expert = (paper.settings("halfcheetah", d) for d in ("random", "medium", "medium-expert"))
    assert (usual.members, usual.network.width, usual.network.depth, usual.online.batch) == (5, 256, 2, 256)
    assert (usual.online.env_steps, usual.online.first_epoch_multiplier, usual.online.rho) == (250_000, 5, 0.75)
    assert (usual.offline.steps, usual.offline.min_q_weight, medium.offline.min_q_weight) == (1_000_000, 5, 10)
    assert (expert.network.depth, paper.settings("hopper", "medium-expert").network.depth) == (3, 2)
    assert {paper.settings("halfcheetah", d).offline.policy_lr for d in paper.datasets} == {1e-4}
    # Fig. 13 compares ensembles over a million steps (facts 9)
    lengths = {
        name: {paper.settings("halfcheetah", d, name).online.env_steps for d in paper.datasets}
        for name in ("ours", "fqe-init", "ours-n1", "sac-ft")
    }
    assert lengths == {"ours": {1_000_000}, "fqe-init": {1_000_000}, "ours-n1": {250_000}, "sac-ft": {250_000}}
    assert (paper.seeds, paper.source) == (4, "d4rl-v0")


def test_reduced_scales_clone_behaviour_for_at_most_a_fifth() -> None:
    for name in ("smoke", "quick", "laptop"):
        offline = load_scale(name).offline
        assert offline.bc_steps <= offline.steps / 5


def write(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def test_a_file_may_extend_a_scale(tmp_path: Path) -> None:
    mine = load_scale(write(tmp_path / "mine.yaml", "extends: smoke\nname: mine\noffline: {steps: 300}\n"))
    smoke = load_scale("smoke")
    assert mine.name == "mine"
    assert mine.offline == smoke.offline.model_copy(update={"steps": 300})
    assert mine.online == smoke.online


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("offline: {stepz: 3}", "offline.stepz: Extra inputs"),
        ("online: {batch: many}", "online.batch: Input should be a valid integer"),
        ("online: {env_steps: 1234}", "env_steps = 1234 is no multiple of epoch_steps"),
        ("overrides: {'*/medium': {offline: {stepz: 3}}}", "yaml: overrides.'*/medium'.offline.stepz: Extra"),
        ("overrides: {'*/medium': {members: {a: 3}}}", "yaml: overrides.'*/medium'.members: Input should be"),
        (
            "overrides: {'*/none': {online: {env_steps: 1234}}}",
            "yaml: overrides.'*/none'.online: env_steps = 1234 is no multiple",
        ),
        ("methods: [ours]", "methods: Input should be a valid dictionary"),
        ("datasets: [small]", "datasets.0"),
        ("[a, list]", "expected a mapping"),
        ("a: [", "not readable as YAML"),
    ],
)
def test_a_wrong_file_names_itself_and_the_key(tmp_path: Path, text: str, says: str) -> None:
    name = text if text[0] in "[a" else f"extends: smoke\n{text}"
    path = write(tmp_path / "bad.yaml", name)
    with pytest.raises(Off2OnError) as caught:
        load_scale(path)
    assert path in str(caught.value)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("base", "says"),
    [
        ("{here}/own.yaml", "own.yaml: extends: a scale cannot extend itself ("),
        ("{here}/other.yaml", "other.yaml: extends: a scale cannot extend itself ("),
        ("3", "own.yaml: extends: expected a scale, or a path to a YAML file (got 3)"),
    ],
)
def test_a_file_cannot_extend_itself_or_a_number(tmp_path: Path, base: str, says: str) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(f"extends: {base.format(here=tmp_path)}\nname: own\n")
    (tmp_path / "other.yaml").write_text(f"extends: {path}\nname: other\n")
    with pytest.raises(Off2OnError) as caught:
        load_scale(str(path))
    assert says in str(caught.value)


@pytest.mark.parametrize(("name", "steps"), [("fidelity", 25_000), ("fidelity-published", 12_000)])
def test_fidelity_runs_have_the_papers_settings_but_for_their_length(name: str, steps: int) -> None:
    settings = load_scale(name).settings("halfcheetah", "medium", "ours")
    paper = load_scale("paper").settings("halfcheetah", "medium", "ours")
    assert settings.online.env_steps == steps
    assert paper.online.env_steps == 1_000_000
    shorter = paper.online.model_copy(update={"env_steps": steps})
    assert settings == paper.model_copy(update={"online": shorter})


def test_a_method_may_have_settings_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(
        "extends: smoke\nname: own\noverrides:\n"
        "  '*/medium/awac': {awac: {beta: 0.5}}\n  '*/medium': {online: {rho: 0.5}}\n"
    )
    scale = load_scale(str(path))
    assert scale.settings("halfcheetah", "medium", "awac").awac.beta == 0.5
    assert scale.settings("halfcheetah", "medium", "ours").awac.beta == 2.0
    assert scale.settings("halfcheetah", "random", "awac").awac.beta == 2.0
    assert scale.settings("halfcheetah", "medium", "awac").online.rho == 0.5
    assert scale.settings("halfcheetah", "medium").awac.beta == 2.0


def test_a_pattern_with_a_method_does_not_reach_the_pretraining(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text("extends: smoke\nname: own\noverrides: {'*/*/*': {network: {width: 7}}}\n")
    scale = load_scale(str(path))
    assert scale.settings("halfcheetah", "medium", "ours").network.width == 7
    assert scale.settings("halfcheetah", "medium").network.width == 32


def test_a_file_that_names_methods_leaves_the_others_out(tmp_path: Path) -> None:
    assert set(load_scale("fidelity").methods) == {"ours"}
    path = tmp_path / "own.yaml"
    path.write_text("extends: smoke\nname: own\n")
    assert load_scale(str(path)).methods == load_scale("smoke").methods


def test_a_key_that_stands_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text("extends: smoke\nname: own\nseeds: 1\nseeds: 2\n")
    with pytest.raises(Off2OnError, match=r"own\.yaml: not readable as YAML: twice: seeds"):
        load_scale(str(path))


def test_steps_are_whole_epochs(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text("extends: smoke\nname: own\nonline: {warmup_steps: 150}\n")
    with pytest.raises(Off2OnError, match="warmup_steps = 150 is no multiple of epoch_steps = 200"):
        load_scale(str(path))
