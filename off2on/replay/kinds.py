"""The names of the samplers, apart from them: planning knows the names and must not import torch."""

from typing import Literal

SamplerKind = Literal["balanced", "balanced-mixture", "uniform", "online-only"]
