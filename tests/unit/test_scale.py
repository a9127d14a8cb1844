"""The scales: what their files say, and the errors of a wrong file."""

from pathlib import Path

import jsonschema
import pytest
import yaml

from off2on import schema
from off2on.algorithms import ALGORITHMS
from off2on.algorithms.fqe import Fqe
from off2on.config import REPOSITORY, value_of, values
from off2on.errors import Off2OnError
from off2on.scale import SCALES, load_scale
from off2on.scale_jobs import pretrain_job, pretrainings, runs
from off2on.settings import Settings

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


def test_scale_paper_has_the_settings_of_the_paper() -> None:
    paper = load_scale("paper")
    usual, medium, expert = (paper.settings("halfcheetah", d) for d in ("random", "medium", "medium-expert"))
    assert (usual.members, usual.network.width, usual.network.depth, usual.sac.batch) == (5, 256, 2, 256)
    loop = usual.finetuning
    assert (loop.env_steps, loop.first_epoch_multiplier, usual.balanced.rho) == (250_000, 5, 0.75)
    assert (usual.cql.steps, usual.cql.min_q_weight, medium.cql.min_q_weight) == (1_000_000, 5, 10)
    assert (expert.network.depth, paper.settings("hopper", "medium-expert").network.depth) == (3, 2)
    assert {paper.settings("halfcheetah", d).cql.policy_lr for d in paper.datasets} == {1e-4}
    # Fig. 13 compares ensembles over a million steps [S116]
    lengths = {
        name: {paper.settings("halfcheetah", d, name).finetuning.env_steps for d in paper.datasets}
        for name in ("ours", "fqe-init", "ours-n1", "sac-ft")
    }
    assert lengths == {"ours": {1_000_000}, "fqe-init": {1_000_000}, "ours-n1": {250_000}, "sac-ft": {250_000}}
    assert (paper.seeds, paper.source) == (4, "d4rl-v0")


def test_reduced_scales_clone_behaviour_for_at_most_a_fifth() -> None:
    for name in ("smoke", "quick", "laptop"):
        cql = load_scale(name).cql
        assert cql.bc_steps <= cql.steps / 5


def write(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def test_a_file_may_extend_a_scale(tmp_path: Path) -> None:
    mine = load_scale(write(tmp_path / "mine.yaml", "extends: smoke\nname: mine\ncql: {steps: 300}\n"))
    smoke = load_scale("smoke")
    assert mine.name == "mine"
    assert mine.cql == smoke.cql.model_copy(update={"steps": 300})
    assert mine.finetuning == smoke.finetuning


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("cql: {stepz: 3}", "cql.stepz: unknown key; did you mean 'steps'?"),
        ("sac: {batch: many}", "sac.batch: Input should be a valid integer"),
        ("finetuning: {env_steps: 1234}", "env_steps = 1234 is not a multiple of epoch_steps"),
        ("overrides: {'*/medium': {cql: {stepz: 3}}}", "yaml: overrides.'*/medium'.cql.stepz: unknown key"),
        ("overrides: {'*/medium': {members: {a: 3}}}", "yaml: overrides.'*/medium'.members: Input should be"),
        (
            "overrides: {'*/none': {finetuning: {env_steps: 1234}}}",
            "yaml: overrides.'*/none'.finetuning: env_steps = 1234 is not a multiple",
        ),
        ("name: quick", "name: 'quick' is the name of"),
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


@pytest.mark.parametrize(("name", "steps"), [("fidelity", 25_000), ("published", 12_000)])
def test_fidelity_runs_have_the_settings_of_the_paper_but_for_their_length(name: str, steps: int) -> None:
    settings = load_scale(name).settings("halfcheetah", "medium", "ours")
    paper = load_scale("paper").settings("halfcheetah", "medium", "ours")
    assert settings.finetuning.env_steps == steps
    assert paper.finetuning.env_steps == 1_000_000
    shorter = paper.finetuning.model_copy(update={"env_steps": steps})
    assert settings == paper.model_copy(update={"finetuning": shorter})


def test_a_method_may_have_settings_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(
        "extends: smoke\nname: own\noverrides:\n"
        "  '*/medium/awac': {awac: {beta: 0.5}}\n  '*/medium': {balanced: {rho: 0.5}}\n"
    )
    scale = load_scale(str(path))
    assert scale.settings("halfcheetah", "medium", "awac").awac.beta == 0.5
    assert scale.settings("halfcheetah", "medium", "ours").awac.beta == 2.0
    assert scale.settings("halfcheetah", "random", "awac").awac.beta == 2.0
    assert scale.settings("halfcheetah", "medium", "awac").balanced.rho == 0.5
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


def test_a_duplicate_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text("extends: smoke\nname: own\nseeds: 1\nseeds: 2\n")
    with pytest.raises(Off2OnError, match=r"own\.yaml: not readable as YAML: duplicate keys: seeds"):
        load_scale(str(path))


def test_steps_are_whole_epochs(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text("extends: smoke\nname: own\nfinetuning: {warmup_steps: 150}\n")
    with pytest.raises(Off2OnError, match="warmup_steps = 150 is not a multiple of epoch_steps = 200"):
        load_scale(str(path))


def test_every_algorithm_with_settings_has_its_section() -> None:
    settings = load_scale("smoke").settings("halfcheetah", "random")
    for name, algorithm in ALGORITHMS.items():
        if algorithm.settings is not None:
            assert isinstance(getattr(settings, name), algorithm.settings)
            assert settings.of(algorithm.settings) is getattr(settings, name)


def test_values_have_a_dotted_key_each_and_a_network_is_one_value() -> None:
    settings = Settings()
    found = values(settings)
    assert found["members"] == 5
    assert found["network"] is settings.network
    assert found["awac.policy"].depth == 4
    assert {key for key in found if key.startswith("fqe.")} == {f"fqe.{name}" for name in Fqe.model_fields}
    assert all(value_of(settings, key) is value for key, value in found.items())


def test_smoke_stays_small() -> None:
    """A method without a section here would train for the paper's million steps."""
    smoke = load_scale("smoke")
    wanted = runs(smoke)
    steps = {f"pretrain {job.algorithm}": pretrain_job(smoke, job).steps for job in pretrainings(wanted)}
    steps |= {f"finetune {run.method}": smoke.settings(*run[:3]).finetuning.env_steps for run in wanted}
    large = {name: count for name, count in steps.items() if count > 1_000}
    assert large == {}, "give smoke.yaml a section with small values for these"
