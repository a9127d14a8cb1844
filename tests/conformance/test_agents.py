"""What every agent must satisfy."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor

from off2on.data.batch import Batch
from off2on.nn.adam import Gradients
from off2on.nn.state import flatten
from tests.conformance.agents import ACTION, CASES, Case, columns, other_noise, seen, train


def only(kind: Callable[[Case], bool]) -> pytest.MarkDecorator:
    """The cases of one kind."""
    return pytest.mark.parametrize("name", [name for name, case in CASES.items() if kind(case)])


cases = only(lambda case: True)
offline_cases = only(lambda case: case.independent)
online_cases = only(lambda case: not case.independent)

MEMBERS = [0, 1, 2]


def queries(case: Case) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    observations = torch.from_numpy(seen(np.random.default_rng(0), 7, case.observation))
    return observations, torch.rand(7, ACTION, generator=generator) * 2 - 1


def equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


@offline_cases
def test_members_together_equal_members_alone(name: str) -> None:
    case = CASES[name]
    together = case.make(MEMBERS)
    train(case, together, MEMBERS, 0, 10)
    for i in MEMBERS:
        alone = case.make([i])
        train(case, alone, [i], 0, 10)
        for net, params in alone.nets.items():
            for key, value in params.items():
                stacked = together.nets[net][key]
                # critics are stacked twin-major: rows i and i + 3 are those of member i
                torch.testing.assert_close(stacked[i :: len(MEMBERS)], value, rtol=1e-5, atol=1e-5)


@online_cases
def test_an_ensemble_of_copies_is_one_member(name: str) -> None:
    case = CASES[name]
    one, copies = case.make([0]), case.make([0, 0, 0])
    train(case, one, [0], 0, 10)
    train(case, copies, [0, 0, 0], 0, 10)
    observations, actions = queries(case)
    for explore in (True, False):
        acted = case.act(copies, observations, explore=explore)
        torch.testing.assert_close(acted, case.act(one, observations, explore=explore), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(
        copies.q(observations, actions)[2:], one.q(observations, actions), rtol=1e-4, atol=1e-4
    )


@cases
def test_saved_and_loaded_it_goes_on_bit_by_bit(name: str) -> None:
    case = CASES[name]
    whole = case.make(MEMBERS)
    train(case, whole, MEMBERS, 0, 10)
    first = case.make(MEMBERS)
    train(case, first, MEMBERS, 0, 5)
    file = save(first.state())
    second = case.make([5, 6, 7])
    second.load_state(load(file))
    assert equal(second.state(), first.state())
    train(case, second, MEMBERS, 5, 10)
    assert equal(second.state(), whole.state())


@cases
def test_an_update_changes_every_learned_network_and_leaves_no_gradient_behind(name: str) -> None:
    case = CASES[name]
    agent = case.make(MEMBERS)
    before = {key: value.clone() for key, value in flatten(agent.nets).items()}
    train(case, agent, MEMBERS, 0, 1)
    after = flatten(agent.nets)
    same = {key for key in before if torch.equal(before[key], after[key])}
    # what the optimiser does not know, such as the policies that FQE evaluates, stays; targets follow
    fixed = agent.nets.keys() - agent.adam.rates.keys() - agent.targets.keys()
    assert same == {key for key in before if key.split("/")[0] in fixed}
    assert all(value.grad is None for params in agent.nets.values() for value in params.values())
    targets = [agent.nets[name] for name in agent.targets]
    assert targets
    assert not any(value.requires_grad for params in targets for value in params.values())


@cases
def test_gradients_are_those_of_every_learned_network_and_leave_the_agent_as_it_is(name: str) -> None:
    case = CASES[name]
    agent = case.make(MEMBERS)
    before = {key: value.clone() for key, value in agent.state().items()}
    gradients, _ = agent.gradients(*case.draw(agent, MEMBERS, 0))
    assert equal(agent.state(), before)
    assert gradients.keys() == agent.adam.rates.keys()
    for net, found in gradients.items():
        assert [g.shape for g in found] == [value.shape for value in agent.nets[net].values()]


@cases
def test_no_loss_leaks_into_the_network_of_another(name: str) -> None:
    """What only some losses look at leaves the gradients of the other networks as they were."""
    case = CASES[name]
    agent = case.make(MEMBERS)
    batch, noise = case.draw(agent, MEMBERS, 0)
    ahead = batch._replace(rewards=batch.rewards + 1, next_observations=batch.next_observations + 1)
    changed = differing(agent.gradients(batch, noise)[0], agent.gradients(ahead, noise)[0])
    assert "critic" in changed
    # the conservative term has the policy's actions at the next observations
    assert changed <= {"critic", "lagrange"}


@cases
def test_the_noise_of_the_policy_loss_does_not_reach_the_critics(name: str) -> None:
    case = CASES[name]
    agent = case.make(MEMBERS)
    batch, noise = case.draw(agent, MEMBERS, 0)
    other = other_noise(noise)
    if other is None:
        pytest.skip("no loss of an acting network samples actions of its own")
    changed = differing(agent.gradients(batch, noise)[0], agent.gradients(batch, other)[0])
    assert changed & {"policy", "perturbation"}
    assert "critic" not in changed


def differing(one: Gradients, other: Gradients) -> set[str]:
    """Networks whose gradient is not the same in both."""
    return {net for net in one if not all(torch.equal(a, b) for a, b in zip(one[net], other[net], strict=True))}


@offline_cases
def test_no_member_reaches_another(name: str) -> None:
    case = CASES[name]
    agent = case.make(MEMBERS)
    batch, noise = case.draw(agent, MEMBERS, 0)
    other_batch = Batch(**{column: getattr(batch, column).clone() for column in columns(batch)})
    for column in columns(batch):
        getattr(other_batch, column)[1] *= -1
    one, other = agent.gradients(batch, noise)[0], agent.gradients(other_batch, noise)[0]
    for net in one:
        for a, b in zip(one[net], other[net], strict=True):
            for i in (0, 2):
                torch.testing.assert_close(a[i :: len(MEMBERS)], b[i :: len(MEMBERS)])
    assert not torch.allclose(one["critic"][0][1], other["critic"][0][1])


@cases
@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_extreme_inputs_stay_finite(name: str, scale: float) -> None:
    case = CASES[name]
    agent = case.make(MEMBERS)
    for k in range(10):
        batch, noise = case.draw(agent, MEMBERS, k)
        large = batch._replace(
            observations=scale * batch.observations,
            next_observations=scale * batch.next_observations,
            rewards=scale * batch.rewards,
            actions=batch.actions.sign(),
        )
        metrics = agent.update(large, noise)
        assert all(torch.isfinite(value).all() for value in metrics.values())
    assert all(torch.isfinite(value).all() for value in agent.state().values())


@cases
@pytest.mark.parametrize("explore", [True, False])
def test_actions_are_bounded_and_values_have_a_row_a_member(name: str, explore: bool) -> None:
    case = CASES[name]
    agent = case.make(MEMBERS)
    observations, actions = queries(case)
    acted = case.act(agent, 10 * observations, explore=explore)
    assert acted.shape == actions.shape
    assert acted.abs().max() <= 1
    assert agent.q(observations, actions).shape == (3, 7)


@cases
def test_exploration_is_a_sample_around_the_deterministic_action(name: str) -> None:
    case = CASES[name]
    agent = case.make(MEMBERS)
    observations, _ = queries(case)
    if agent.acting_noise(np.random.default_rng(0), 7, explore=False) is not None:
        pytest.skip("it draws candidates to act deterministically, too")
    mean, sampled = (case.act(agent, observations, explore=explore) for explore in (False, True))
    zeros = torch.zeros(7, ACTION)
    assert torch.equal(
        mean, agent.act(observations, zeros, 1) if case.independent else agent.act(observations, zeros)
    )
    assert not torch.isclose(mean, sampled).any()


def test_cql_uses_the_temperature_after_its_step_and_sac_the_one_before() -> None:
    """In SAC's losses the one before [S26], in CQL's the one after [S51]."""
    for name, after in [("sac-online", False), ("cql-offline", True)]:
        agent = CASES[name].make(MEMBERS)
        log_alpha = agent.nets["temperature"]["log_alpha"]
        before = log_alpha.detach().clone()
        batch, noise = CASES[name].draw(agent, MEMBERS, 0)
        used = agent.update(batch, noise)["alpha"]
        torch.testing.assert_close(used, (log_alpha.detach() if after else before).exp().mean())
        assert not torch.equal(log_alpha, before)


def test_cloning_takes_no_notice_of_the_critics() -> None:
    case = CASES["cql-cloning"]
    agent = case.make(MEMBERS)
    batch, noise = case.draw(agent, MEMBERS, 0)
    one = agent.gradients(batch, noise)[0]["policy"]
    with torch.no_grad():
        agent.nets["critic"]["layer2.weight"].neg_()
    assert all(torch.equal(a, b) for a, b in zip(one, agent.gradients(batch, noise)[0]["policy"], strict=True))


def test_cloning_ends_after_its_steps() -> None:
    case = CASES["cql-cloning"]
    agent, reference = case.make(MEMBERS), CASES["cql-conservative"].make(MEMBERS)
    train(case, agent, MEMBERS, 0, 7)
    reference.load_state(agent.state())
    batch, noise = case.draw(agent, MEMBERS, 7)
    one, other = agent.gradients(batch, noise)[0], reference.gradients(batch, noise)[0]
    assert all(torch.equal(a, b) for a, b in zip(one["policy"], other["policy"], strict=True))
    agent.steps = 6
    assert not torch.equal(agent.gradients(batch, noise)[0]["policy"][0], one["policy"][0])
