"""The columns of progress.csv that are computed: AUROC and averages over minibatches."""

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor

from off2on.analysis.auroc import auroc, fixed_subset, random_actions
from off2on.errors import Off2OnError
from off2on.observations import ObservationSpec
from off2on.replay.store import TransitionStore
from off2on.training.evaluate import Averages, auroc_columns


def test_auroc_by_hand() -> None:
    # of the 6 pairs (real, random), real is larger in 4 and equal in 1
    assert auroc(np.array([3.0, 1.0]), np.array([0.0, 1.0, 2.0])) == pytest.approx(4.5 / 6)


@pytest.mark.parametrize("values", [2, 40, 10**6])
def test_auroc_is_scikit_learns_with_many_ties_and_with_few(values: int) -> None:
    rng = np.random.default_rng(values)
    real, random = rng.integers(0, values, 300), rng.integers(0, values, (5, 300))
    labels = np.repeat([1, 0], [real.size, random.size])
    expected = roc_auc_score(labels, np.concatenate([real, random.ravel()]))
    assert auroc(real.astype(np.float32), random.astype(np.float32)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("real", "random"), [([1.0, np.nan], [0.0]), ([1.0], [np.nan, 0.0]), ([], [0.0])])
def test_auroc_of_nothing_or_of_nan_is_an_error(real: list[float], random: list[float]) -> None:
    with pytest.raises(ValueError, match="none of them NaN"):
        auroc(np.array(real), np.array(random))


def test_fixed_subset_keeps_its_rows_as_more_come() -> None:
    few, more = fixed_subset(50, 20, "run", 0), fixed_subset(80, 20, "run", 0)
    assert len(set(few)) == len(set(more)) == 20
    assert {row for row in more if row < 50} <= set(few)
    assert (fixed_subset(7, 20, "run", 0) == np.arange(7)).all()


def test_random_actions_are_uniform_in_the_box() -> None:
    actions = random_actions(2000, 3, "run", 0)
    assert actions.shape == (5, 2000, 3)
    assert abs(actions.mean()) < 0.02
    assert abs(actions).max() <= 1


def test_auroc_columns_score_each_member_and_the_mean() -> None:
    rng = np.random.default_rng(0)
    store = TransitionStore(ObservationSpec((2,)), 1, 100)
    actions = np.full((100, 1), 0.9, np.float32)
    store.append(rng.random((101, 2), np.float32), actions, np.zeros(100, np.float32), np.zeros(100, np.float32))

    def q(observations: Tensor, actions: Tensor) -> Tensor:
        assert actions.shape[1:] == (len(observations), 1)
        good = actions[..., 0]
        # the first member prefers the wrong actions, the others and the mean of all do not
        return torch.stack([-good, 4 * good, 4 * good], 1)

    row = auroc_columns(q, store, 0, 50, "run")
    assert row["q_auroc"] == pytest.approx(0.95, abs=0.03)
    assert row["q_auroc_single"] == pytest.approx((0.05 + 2 * 0.95) / 3, abs=0.03)
    assert auroc_columns(q, store, 100, 50, "run") == {"q_auroc": None, "q_auroc_single": None}


def test_averages_are_over_all_minibatches_since_the_last_row() -> None:
    averages = Averages(["q_mean"])
    assert averages.take("job", "sac") == {"q_mean": None}
    for value in (1.0, 2.0, 6.0):
        averages.add({"q_mean": torch.tensor(value), "other": torch.tensor(0.0)})
    saved = {key: value.clone() for key, value in averages.state().items()}
    assert averages.take("job", "sac") == {"q_mean": 3.0}
    assert averages.take("job", "sac") == {"q_mean": None}
    averages.load_state(saved)
    assert averages.take("job", "sac") == {"q_mean": 3.0}


def test_divergence_is_an_error() -> None:
    averages = Averages(["q_mean"])
    averages.add({"q_mean": torch.tensor(float("nan"))})
    told = r"bcq, step 7: training has diverged, q_mean = nan\. Lower the learning rates of section 'bcq'"
    with pytest.raises(Off2OnError, match=told):
        averages.take("bcq, step 7", "bcq")
