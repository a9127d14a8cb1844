"""A corridor with a known optimum: the reward at its end is worth the cost of walking there.

A point right of 0 moves by a quarter of its action. A step to the right costs, a step to the left pays a little,
so that a short-sighted agent walks left; reaching the end pays 10 and is terminal. Walking right at once
is optimal.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from off2on.observations import ObservationSpec
from off2on.replay.store import Rows, TransitionStore

Floats = NDArray[np.float32]

STRIDE, PRIZE, COST, DISCOUNT = 0.25, 10.0, 0.2, 0.9
#: the end of the corridor, four strides away, the first of which may be short
END = 0.8
#: episodes start left of it
START = 0.25


def move(position: Floats, action: Floats) -> tuple[Floats, Floats, Floats]:
    """Rewards, next positions and terminals of steps; all `[n]`."""
    following = np.maximum(position + STRIDE * action, 0.0).astype(np.float32)
    terminal = (following >= END).astype(np.float32)
    return PRIZE * terminal - COST * action, following, terminal


def optimal_value(position: float) -> float:
    """The largest discounted return: full speed, but for what the first step, the dearest, can do without."""
    strides = (END - position) / STRIDE
    steps = int(np.ceil(strides))
    saved = COST * (steps - strides)
    return PRIZE * DISCOUNT ** (steps - 1) - COST * (1 - DISCOUNT**steps) / (1 - DISCOUNT) + saved


def empty_store() -> TransitionStore:
    return TransitionStore(ObservationSpec((1,)), 1, 1000)


def record(store: TransitionStore, position: Floats, action: Floats) -> tuple[Rows, Floats]:
    """Take one step from each position and store it; the new rows, and where to go on from."""
    reward, following, terminal = move(position, action)
    frames = np.stack([position, following], 1).reshape(-1, 1)
    rows = store.append(frames, action[:, None], reward, terminal, frame=2 * np.arange(len(position)))
    return rows, following


def mixed_store(count: int, rng: np.random.Generator) -> TransitionStore:
    """Steps from everywhere: half of them with random actions, half of them nearly optimal."""
    store = empty_store()
    position = rng.uniform(0, END, count).astype(np.float32)
    action = np.where(np.arange(count) % 2, rng.uniform(0.5, 1, count), rng.uniform(-1, 1, count))
    record(store, position, action.astype(np.float32))
    return store


def walk(act: Callable[[Floats], Floats], steps: int = 20) -> float:
    """Discounted return of a policy from position 0; it maps positions `[1]` to actions `[1]`."""
    position, total = np.zeros(1, np.float32), 0.0
    for t in range(steps):
        reward, position, terminal = move(position, act(position))
        total += DISCOUNT**t * float(reward[0])
        if terminal[0]:
            break
    return total
