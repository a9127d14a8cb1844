"""Adam over named networks, one fused call a step.

`torch.optim.Adam` would do, but its constructor imports the torch compiler: more than two seconds a job.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.optim.adam import adam

from off2on.nn.state import Nets, copy_into, flatten

Gradients = dict[str, tuple[Tensor, ...]]


class Adam:
    """Adam with betas 0.9 and 0.999 and eps 1e-8 for the networks that have a learning rate.

    Args:
        nets: networks by name; the tensors of those with a rate require gradients from now on, and are changed in
            place.
        rates: learning rate by network name.
        decays: weight decay by network name, an L2 term: decay times parameter is added to the gradient before
            the moments. The networks that are not named have none.
    """

    def __init__(self, nets: Nets, rates: Mapping[str, float], decays: Mapping[str, float] | None = None) -> None:
        self.nets, self.rates = nets, dict(rates)
        for name in rates:
            for tensor in nets[name].values():
                tensor.requires_grad_(True)
        self.decays = dict.fromkeys(rates, 0.0) | dict(decays or {})
        self.first = {name: {k: torch.zeros_like(v) for k, v in nets[name].items()} for name in rates}
        self.second = {name: {k: torch.zeros_like(v) for k, v in nets[name].items()} for name in rates}
        self.count = {name: {k: v.new_zeros(()) for k, v in nets[name].items()} for name in rates}

    @torch.no_grad()
    def step(self, gradients: Mapping[str, Sequence[Tensor]]) -> None:
        """One step of the networks in `gradients`, whose tensors are in the order of the network's."""
        for name, grads in gradients.items():
            adam(
                list(self.nets[name].values()),
                list(grads),
                list(self.first[name].values()),
                list(self.second[name].values()),
                [],
                list(self.count[name].values()),
                lr=self.rates[name],
                beta1=0.9,
                beta2=0.999,
                eps=1e-8,
                weight_decay=self.decays[name],
                amsgrad=False,
                maximize=False,
                fused=True,
            )

    def state(self, prefix: str) -> dict[str, Tensor]:
        """Moments and step counts of every parameter."""
        return {
            **flatten(self.first, f"{prefix}first/"),
            **flatten(self.second, f"{prefix}second/"),
            **flatten(self.count, f"{prefix}count/"),
        }

    def load_state(self, tensors: Mapping[str, Tensor], prefix: str) -> None:
        """Put back what `state` gave."""
        copy_into(self.first, tensors, f"{prefix}first/")
        copy_into(self.second, tensors, f"{prefix}second/")
        copy_into(self.count, tensors, f"{prefix}count/")
