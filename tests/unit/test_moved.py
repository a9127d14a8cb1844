"""Scale files with the sections of old: one error that names the new key of each old one."""

import re
from pathlib import Path

import pytest

from off2on.config import values
from off2on.errors import Off2OnError
from off2on.scale import load_scale
from off2on.settings import Settings

#: every key of the sections that are gone, as commit ee19ba4 had them, and where it is now
MOVED = {
    "offline.steps": "cql.steps",
    "offline.batch": "cql.batch",
    "offline.policy_lr": "cql.policy_lr",
    "offline.temperature_lr": "cql.temperature_lr",
    "offline.q_lr": "cql.q_lr",
    "offline.discount": "cql.discount",
    "offline.tau": "cql.tau",
    "offline.min_q_weight": "cql.min_q_weight",
    "offline.lagrange_threshold": "cql.lagrange_threshold",
    "offline.cql_actions": "cql.sampled_actions",
    "offline.bc_steps": "cql.bc_steps",
    "offline.entropy_in_backup": "cql.entropy_in_backup",
    "offline.evaluate_every": "pretraining.evaluate_every",
    "offline.eval_episodes": "pretraining.eval_episodes",
    "online.env_steps": "finetuning.env_steps",
    "online.epoch_steps": "finetuning.epoch_steps",
    "online.first_epoch_multiplier": "finetuning.first_epoch_multiplier",
    "online.batch": "sac.batch",
    "online.density_batch": "balanced.density_batch",
    "online.density_depth": "balanced.density_depth",
    "online.policy_lr": "sac.policy_lr",
    "online.q_lr": "sac.q_lr",
    "online.density_lr": "balanced.density_lr",
    "online.discount": "sac.discount",
    "online.tau": "sac.tau",
    "online.temperature": "balanced.priority_temperature",
    "online.rho": "balanced.rho",
    "online.warmup_steps": "finetuning.warmup_steps",
    "online.scratch_members": "finetuning.scratch_members",
    "online.eval_episodes": "finetuning.eval_episodes",
    "online.auroc_pairs": "finetuning.auroc_pairs",
}


def refused(path: Path, text: str) -> str:
    path.write_text(f"extends: smoke\nname: own\n{text}\n")
    with pytest.raises(Off2OnError) as caught:
        load_scale(str(path))
    told = str(caught.value)
    assert told.startswith(f"{path}: sections 'offline' and 'online' were split by what reads them: ")
    assert "\n" not in told
    return told


@pytest.mark.parametrize("old", MOVED)
@pytest.mark.parametrize("where", ["", "overrides.'*/medium'."])
def test_an_old_key_is_an_error_that_names_the_new_one(tmp_path: Path, old: str, where: str) -> None:
    section, key = old.split(".")
    text = f"{section}: {{{key}: 1}}"
    told = refused(tmp_path / "own.yaml", f"overrides: {{'*/medium': {{{text}}}}}" if where else text)
    assert f": {where}{old} is now {MOVED[old]} (config/README.md)" in told


def test_every_new_key_exists() -> None:
    assert set(MOVED.values()) <= values(Settings()).keys()


def test_all_old_keys_of_a_file_are_named_at_once(tmp_path: Path) -> None:
    told = refused(
        tmp_path / "own.yaml",
        "offline: {steps: 3, stepz: 4}\nonline: {rho: 0.5}\noverrides: {'*/medium': {online: {batch: 8}}}",
    )
    assert (
        "offline.steps is now cql.steps; offline.stepz is unknown; online.rho is now balanced.rho; "
        "overrides.'*/medium'.online.batch is now sac.batch (" in told
    )


@pytest.mark.parametrize("key", ["offline.discount", "offline.tau", "online.discount", "online.tau"])
def test_the_error_says_which_algorithms_have_their_own_discount_and_tau(tmp_path: Path, key: str) -> None:
    section, name = key.split(".")
    told = refused(tmp_path / "own.yaml", f"{section}: {{{name}: 0.9}}")
    (names,) = re.findall(r"([A-Z, ]+ and [A-Z]+) have discount and tau of their own now", told)
    assert set(re.findall("[A-Z]+", names)) == {"AWAC", "BCQ", "FQE"}
    for algorithm in ("awac", "bcq", "fqe"):
        assert {f"{algorithm}.discount", f"{algorithm}.tau"} <= values(Settings()).keys()


def test_an_old_base_of_a_new_file_is_named(tmp_path: Path) -> None:
    base, path = tmp_path / "base.yaml", tmp_path / "own.yaml"
    base.write_text("extends: smoke\nname: base\noffline: {steps: 3}\n")
    path.write_text(f"extends: {base}\nname: own\n")
    with pytest.raises(Off2OnError, match=r"base\.yaml: sections .*: offline\.steps is now cql\.steps"):
        load_scale(str(path))


@pytest.mark.parametrize("text", ["offline: 3", "online:", "offline: {}", "overrides: {'*/medium': {online: }}"])
def test_an_old_section_without_keys_is_an_error_too(tmp_path: Path, text: str) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(f"extends: smoke\nname: own\n{text}\n")
    with pytest.raises(Off2OnError, match=r"own\.yaml: sections .*(offline|online) is unknown"):
        load_scale(str(path))
