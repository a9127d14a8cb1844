"""Where tensors are, and how products round there."""

import os

import torch

from off2on.errors import Off2OnError
from off2on.nn.state import Nets

CPU = torch.device("cpu")


def use_device(name: str) -> torch.device:
    """Set up the device of that name for this process: "cpu", "cuda", or "auto", a GPU where there is one.

    Raises:
        Off2OnError: there is no GPU that this build of torch can use.
    """
    if name == "cpu" or (name == "auto" and not torch.cuda.is_available()):
        return CPU
    # read when CUDA is first used: with workspaces of a fixed size sums have a fixed order
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    if not torch.cuda.is_available():
        build = f"is built for CUDA {torch.version.cuda}" if torch.version.cuda else "is a CPU build"
        raise Off2OnError(
            f"--device {name}: torch {torch.__version__} {build} and finds no GPU; `off2on doctor` says more, and "
            "--device cpu works everywhere"
        )
    torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
    # one stream for everything, and not the default one, which cannot be captured
    torch.cuda.set_stream(torch.cuda.Stream())  # type: ignore[no-untyped-call]
    return torch.device("cuda", torch.cuda.current_device())


def set_precision(precision: str) -> None:
    """How a GPU rounds products, "float32" or "tf32": ten bits of mantissa, errors of 1e-3 in every product."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision == "tf32"


def placed(nets: Nets, device: torch.device) -> Nets:
    """The same networks on a device."""
    return {name: {key: value.to(device) for key, value in params.items()} for name, params in nets.items()}
