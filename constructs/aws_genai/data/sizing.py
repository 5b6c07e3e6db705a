"""The accelerator memory that a model requires, and the instance types with enough of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from ..errors import InvalidValueError, nearest
from .accelerators import Accelerator, AcceleratorCatalogue
from .regional import check_region

Precision = Literal["fp32", "bf16", "fp16", "fp8", "int8", "int4"]

#: Bytes per parameter.
BYTES: dict[str, float] = {"fp32": 4, "bf16": 2, "fp16": 2, "fp8": 1, "int8": 1, "int4": 0.5}
#: Width of a decoder divided by its number of layers, as in published models: Llama 3 has 128 at 8B, 102 at 70B.
WIDTH_PER_LAYER = 128
#: Share of the attention heads with cached keys and values: Llama 3 has 8 of 32 at 8B, 8 of 64 at 70B.
GROUPED_HEADS = 0.25
#: Bytes of one cached key or value: the cache has 16 bits, regardless of the precision of the weights.
CACHE_BYTES = 2
#: The share of an accelerator's memory for weights and cache; the rest is for activations and the runtime. vLLM's
#: default is the same: https://docs.vllm.ai/en/stable/configuration/engine_args.html (gpu-memory-utilization)
USABLE = 0.9

#: Accelerators whose hardware does not support a precision:
#: https://docs.nvidia.com/deeplearning/tensorrt/latest/getting-started/support-matrix.html
#: https://awsdocs-neuron.readthedocs-hosted.com/en/latest/about-neuron/arch/neuron-hardware/neuron-core-v2.html
_BEFORE_AMPERE = frozenset({"V100", "T4", "T4g"})
_BEFORE_ADA = _BEFORE_AMPERE | {"A10G", "A100"}
_NEURON = frozenset({"Inferentia", "Inferentia2", "Trainium", "Trainium2"})
LACKING: dict[str, frozenset[str]] = {"bf16": _BEFORE_AMPERE, "fp8": _BEFORE_ADA, "int4": _NEURON}

_GIB = 1024**3


@dataclass(frozen=True)
class Need:
    """The memory that is required to serve a model, in GiB."""

    weights_gib: float
    cache_gib: float
    precision: Precision

    @property
    def total_gib(self) -> float:
        """The total of weights and cache."""
        return self.weights_gib + self.cache_gib

    def fits(self, accelerator: Accelerator) -> bool:
        """Whether the accelerators of an instance type have enough memory in total."""
        return self.total_gib <= USABLE * accelerator.total_memory_gib


@dataclass(frozen=True)
class Proposal:
    """An instance type with enough memory for a model, and why it is proposed."""

    accelerator: Accelerator
    need: Need
    why: str


def need(*, parameters: float, precision: Precision = "bf16", context: int = 8192, sequences: int = 1) -> Need:
    """The memory that a decoder-only language model requires.

    With P parameters of b bytes, L layers of width d, a share g of heads with cached keys and values, and S sequences
    of C tokens::

        weights = P * b
        cache   = 2 * L * d * g * 2 bytes * C * S

    P alone does not determine L and d. A transformer layer has about 12 * d * d parameters, and d is about 128 * L, so
    L = (P / (12 * 128 * 128)) ** (1/3). For Llama 3.1 8B, this results in 34 layers of width 4,400; it has 32 of 4,096.
    The estimate is conservative for models with fewer than one key and value head in four.

    :raises InvalidValueError: if a number is not positive or the precision is unknown.
    """
    for field, value in (("parameters", parameters), ("context", context), ("sequences", sequences)):
        if not value > 0:
            raise InvalidValueError(f"{field} must be more than 0, and is {value:g}", field=field)
    if precision not in BYTES:
        raise InvalidValueError(
            f"{precision} is not a precision", field="precision", hint=nearest(precision, get_args(Precision))
        )
    layers = (parameters / (12 * WIDTH_PER_LAYER**2)) ** (1 / 3)
    width = WIDTH_PER_LAYER * layers
    cache = 2 * layers * width * GROUPED_HEADS * CACHE_BYTES * context * sequences
    return Need(parameters * BYTES[precision] / _GIB, cache / _GIB, precision)


def choose(
    *,
    parameters: float,
    precision: Precision = "bf16",
    context: int = 8192,
    sequences: int = 1,
    region: str | None = None,
    proposals: int = 3,
) -> list[Proposal]:
    """The cheapest instance types with enough memory for a model, on Neuron and on CUDA: see :func:`need`.

    Types without a known price are last, the smallest first.

    :param parameters: number of parameters of the model, such as ``8e9``.
    :param precision: precision of the weights: fp32, bf16, fp16, fp8, int8 or int4. Default: bf16.
    :param context: Maximum sequence length, in tokens. Default: 8,192.
    :param sequences: number of sequences that are served at the same time. Default: 1.
    :param region: leave out types that this Region is known not to offer. Default: any Region.
    :param proposals: maximum number of types for each platform. Default: 3.
    :raises InvalidValueError: if a number is not positive, the precision or the Region is unknown, or no type is
        large enough.
    """
    if region is not None:
        check_region(region, "region")
    catalogue = AcceleratorCatalogue.default()
    types = [each for each in catalogue.types() if region is None or catalogue.offers(each, region)]
    wanted = need(parameters=parameters, precision=precision, context=context, sequences=sequences)
    chosen: list[Proposal] = []
    for platform in sorted({each.platform for each in types}):
        fitting = [each for each in types if each.platform == platform and _can(each, wanted)]
        fitting.sort(key=lambda each: (each.usd_per_hour is None, each.usd_per_hour or 0, each.total_memory_gib))
        chosen += [Proposal(each, wanted, _why(each, wanted)) for each in fitting[:proposals]]
    if not chosen:
        largest = max(types, key=lambda each: each.total_memory_gib, default=None)
        raise InvalidValueError(
            f"{wanted.total_gib:,.0f} GiB of weights and cache fit no single instance",
            field="parameters",
            hint=f"{largest.instance_type} has the most, {largest.total_memory_gib:,.0f} GiB; shorten the context, "
            "lower the precision, or spread the model over instances"
            if largest
            else "No type is offered there",
        )
    return chosen


def _can(each: Accelerator, wanted: Need) -> bool:
    # Current Neuron images no longer support Inf1.
    return (
        each.family != "inf1"
        and each.accelerator not in LACKING.get(wanted.precision, frozenset())
        and wanted.fits(each)
    )


def _why(each: Accelerator, wanted: Need) -> str:
    memory = f"{USABLE:.0%} of {each.total_memory_gib:,.0f} GiB"
    cost = "price unknown" if each.usd_per_hour is None else f"{each.usd_per_hour:,.2f} USD an hour"
    return (
        f"{each.count} x {each.accelerator} with {each.memory_mib / 1024:,.0f} GiB hold {wanted.weights_gib:,.1f} GiB "
        f"of weights and {wanted.cache_gib:,.1f} GiB of cache in {memory}; {cost}"
    )
