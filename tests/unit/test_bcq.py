"""BCQ: fresh networks, one member online and offline, and what an ensemble chooses from."""

import math

import numpy as np
import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor

from off2on.agents import bcq
from off2on.algorithms.algorithm import Sizes
from off2on.algorithms.bcq import Bcq
from off2on.data.batch import Batch, stacked
from off2on.nn.mlp import mlp
from off2on.nn.state import Nets, flatten, unflatten
from off2on.observations import ObservationSpec
from off2on.settings import Settings

OBSERVATION, ACTION, SIZE = 5, 2, 12
SETTINGS = Settings(bcq=Bcq(widths=(16, 8), vae_widths=(16, 16), target_candidates=3, acting_candidates=10))


def fresh(members: list[int]) -> Nets:
    rngs = [np.random.default_rng([4, i]) for i in members]
    return bcq.init_nets(Sizes(ObservationSpec((OBSERVATION,)), ACTION), SETTINGS, rngs)


def normals(rng: np.random.Generator, *shape: int) -> Tensor:
    return torch.from_numpy(rng.standard_normal(shape, np.float32))


def minibatch(rng: np.random.Generator) -> Batch:
    observations, actions, following = (normals(rng, SIZE, n) for n in (OBSERVATION, ACTION, OBSERVATION))
    return Batch(observations, actions.tanh(), normals(rng, SIZE), following, torch.zeros(SIZE))


def test_fresh_networks_start_as_the_linear_layers_of_pytorch() -> None:
    nets = fresh([0, 1, 2])
    assert tuple(nets) == bcq.KEPT
    assert nets["vae_encoder"]["mean.weight"].shape == (3, 16, 2 * ACTION)
    assert nets["critic"]["layer2.weight"].shape == (6, 8, 1)
    for params in nets.values():
        for name, weight in params.items():
            if not name.endswith("weight"):
                continue
            bound = 1 / math.sqrt(weight.shape[1])
            bias = params[name.replace("weight", "bias")]
            assert 0.5 * bound < weight.abs().max() <= bound
            assert 0.1 * bound < bias.abs().max() <= bound
            assert weight.min() < 0 < weight.max()
    for target, source in [("target", "critic"), ("perturbation_target", "perturbation")]:
        for name, value in nets[source].items():
            assert torch.equal(nets[target][name], value)
            assert nets[target][name] is not value


def test_a_fresh_member_does_not_depend_on_the_others() -> None:
    together, alone = flatten(fresh([0, 1, 2])), flatten(fresh([1]))
    assert all(torch.equal(together[key][1::3], value) for key, value in alone.items())
    # the twins of a member differ, and so do its networks of the same shape
    assert not torch.equal(alone["critic/layer0.weight"][0], alone["critic/layer0.weight"][1])
    assert not torch.equal(alone["critic/layer0.weight"][0], alone["perturbation/layer0.weight"][0])


def test_online_with_one_member_is_offline_with_one_member() -> None:
    offline, online = bcq.offline_agent(fresh([0]), SETTINGS), bcq.online_agent(fresh([0]), SETTINGS)
    here, there = np.random.default_rng(0), np.random.default_rng(0)
    for k in range(5):
        batch = minibatch(np.random.default_rng([1, k]))
        own = stacked(batch, 1)
        one = offline.update(own, offline.draw_noise([here], SIZE))
        other = online.update(batch, online.draw_noise(there, SIZE))
        assert one.keys() == other.keys()
        assert all(torch.equal(one[name], other[name]) for name in one)
    assert all(torch.equal(value, online.state()[key]) for key, value in offline.state().items())
    observations = normals(np.random.default_rng(2), 7, OBSERVATION)
    for explore in (True, False):
        acted = offline.act(observations, offline.acting_noise(here, 7, explore=explore), 0)
        assert torch.equal(acted, online.act(observations, online.acting_noise(there, 7, explore=explore)))


def test_fine_tuning_starts_from_the_saved_targets_with_fresh_optimisers() -> None:
    offline = bcq.offline_agent(fresh([0, 1]), SETTINGS)
    rng = np.random.default_rng(0)
    own = stacked(minibatch(rng), 2)
    for _ in range(3):
        offline.update(own, offline.draw_noise([rng, rng], SIZE))
    file = save(flatten({name: offline.nets[name] for name in bcq.KEPT}))
    online = bcq.online_agent(unflatten(load(file)), SETTINGS)
    found = flatten(online.nets)
    assert all(torch.equal(found[key], value) for key, value in flatten(offline.nets).items())
    assert not torch.equal(found["target/layer0.weight"], found["critic/layer0.weight"])
    assert all((value == 0).all() for key, value in online.state().items() if key.startswith("adam/"))


@pytest.mark.parametrize(("members", "pooled"), [(1, 10), (2, 10), (3, 12)])
def test_the_candidates_are_shared_out_equally(members: int, pooled: int) -> None:
    agent = bcq.online_agent(fresh(list(range(members))), SETTINGS)
    noise = agent.acting_noise(np.random.default_rng(0), 4, explore=True)
    assert noise.shape == (4, pooled, 2 * ACTION)


def test_the_ensemble_chooses_from_all_members_by_the_mean_of_their_first_critics() -> None:
    agent, alone = bcq.online_agent(fresh([0, 1, 2]), SETTINGS), bcq.offline_agent(fresh([0, 1, 2]), SETTINGS)
    rng = np.random.default_rng(0)
    observations, noise = normals(rng, 6, OBSERVATION), agent.acting_noise(rng, 6, explore=True)
    with torch.no_grad():
        phi, first = SETTINGS.bcq.phi, {name: value[:3] for name, value in agent.nets["critic"].items()}
        chosen, members = agent.act(observations, noise), set()
        for i in range(6):
            parts = [
                bcq.candidates(alone.nets, slice(m, m + 1), observations[i : i + 1], part, phi)[0]
                for m, part in enumerate(noise[i : i + 1].split(4, 1))
            ]
            pool = torch.cat(parts, 1)[0]
            values = mlp(first, torch.cat([observations[i].expand(12, -1), pool], -1)).mean(0).squeeze(-1)
            torch.testing.assert_close(chosen[i], pool[values.argmax()])
            members.add(int(values.argmax()) // 4)
    assert len(members) > 1


def test_an_action_is_moved_by_at_most_phi_and_stays_in_bounds() -> None:
    nets = fresh([0])
    nets["perturbation"]["layer2.bias"] = torch.tensor([[50.0, -50.0]])
    actions = torch.tensor([[[0.0, 0.0], [0.99, -0.99]]])
    moved = bcq.perturb(nets["perturbation"], torch.zeros(1, 2, OBSERVATION), actions, 0.05)
    torch.testing.assert_close(moved, torch.tensor([[[0.05, -0.05], [1.0, -1.0]]]))


def test_acting_without_latents_is_an_error() -> None:
    agent = bcq.online_agent(fresh([0]), SETTINGS)
    with pytest.raises(ValueError, match="acting_noise"):
        agent.act(torch.zeros(1, OBSERVATION), None)
