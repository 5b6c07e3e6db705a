"""Checks that names of constructs are unique, and that the combined names pass the rules of the constructs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from aws_genai.compute.options import CLUSTER_NAME, JOB_QUEUE_NAME, QUOTA_NAME, SHARES_NAME
from aws_genai.errors import InvalidValueError
from aws_genai.models.access.options import GUARDRAIL_NAME
from aws_genai.models.custom.options import CAPACITY_NAME, CUSTOMIZED_NAME, IMPORTED_NAME
from aws_genai.models.hosting.options import APPROVED_NAME, COMPONENT_NAME, ENDPOINT_NAME
from aws_genai.models.knowledge.options import COLLECTION_NAME, KNOWLEDGE_NAME
from aws_genai.models.prompts.options import FLOW_NAME, PROMPT_NAME, ROUTER_NAME
from aws_genai.models.runs.options import BATCH_NAME, EVALUATION_NAME
from aws_genai.models.training.options import HUB_NAME, STUDIO_NAME
from aws_genai.resource_name import ResourceName

if TYPE_CHECKING:
    from .compute import Compute
    from .models import Models

#: The suffixes that ``stacks/`` appends to the names of each section of layer 2 to form ids of constructs.
_SECTIONS = {
    "knowledge": ("knowledge", "vectors"),
    "imported": ("imported",),
    "batches": ("batch", "batched"),
    "prompts": ("prompt",),
    "flows": ("flow",),
    "routers": ("router",),
    "provisioned": ("throughput",),
    "evaluations": ("evaluation", "evaluated"),
    "endpoints": ("",),
    "fine_tuning.pipelines": ("tuning",),
    "fine_tuning.customized": ("customized", "deployed"),
}


def check_unique(compute: Compute | None, models: Models | None) -> None:
    """Reject names from which two constructs or resources would get the same name.

    Ids of constructs are unique in their stack. Logical ids, which are also used for lookups, have no hyphens, so names
    that differ only in hyphens are rejected too.

    :raises InvalidValueError: with both names.
    """
    if compute:
        _apart("resources", ids_in_compute(compute))
        _apart("a quota of a cluster", _quotas(compute), hyphens=True)
    if models:
        _apart("resources", ids_in_models(models))
        _apart("an inference component", _components(models), hyphens=True)
        for name, knowledge in models.knowledge.items():
            below = f"models.knowledge.{name}"
            sources = [(f"{below}.sources.{each}", each) for each in knowledge.sources]
            sources += [(f"{below}.web.{each}", each) for each in knowledge.web]
            sources += [(f"{below}.custom.{each}", each) for each in knowledge.custom]
            # The data source of the knowledge base's bucket has this name.
            _apart("a source", [(f"{below}.sources", "documents"), *sources[len(knowledge.sources) :]])
            _apart("a source", sources)


def _apart(kind: str, named: Iterable[tuple[str, str]], *, hyphens: bool = False) -> None:
    taken: dict[str, str] = {}
    for path, name in named:
        other = taken.setdefault(name if hyphens else name.replace("-", ""), path)
        if other != path:
            raise InvalidValueError(
                f"{path} and {other} make {kind} of one name, {name}", field=path, hint="Rename one"
            )


def ids_in_compute(compute: Compute) -> Iterator[tuple[str, str]]:
    """The ids of constructs for the names of layer 1, each with the key path of its name."""
    for name, fleet in compute.fleets.items():
        yield f"compute.fleets.{name}", name
        if fleet.work_queue:
            yield f"compute.fleets.{name}", f"{name}-work"
    for kind, members in (("queues", compute.queues), ("clusters", compute.clusters)):
        for name in members:
            yield f"compute.{kind}.{name}", name


def _quotas(compute: Compute) -> Iterator[tuple[str, str]]:
    for name, cluster in compute.clusters.items():
        for team in cluster.teams:
            yield f"compute.clusters.{name}.teams.{team}", f"{name}-{team}"


def ids_in_models(models: Models) -> Iterator[tuple[str, str]]:
    """The ids of constructs for the names of layer 2, each with the key path of its name."""
    tuning = models.fine_tuning
    for section, suffixes in _SECTIONS.items():
        holder, _, inner = section.rpartition(".")
        members = getattr(tuning, inner, {}) if holder else getattr(models, section)
        for name in members:
            for suffix in suffixes:
                yield f"models.{section}.{name}", f"{name}-{suffix}" if suffix else name
    for name, knowledge in models.knowledge.items():
        for kind, sources in (("web", knowledge.web), ("custom", knowledge.custom)):
            for source in sources:
                yield f"models.knowledge.{name}.{kind}.{source}", f"{name}-{source}"


def _components(models: Models) -> Iterator[tuple[str, str]]:
    for name, endpoint in models.endpoints.items():
        if endpoint.scale_to_zero:
            yield f"models.endpoints.{name}", f"{name}-model"
            for each in endpoint.beside:
                yield f"models.endpoints.{name}.beside.{each}", f"{name}-{each}"


def check_lengths(prefix: str, compute: Compute | None, models: Models | None) -> None:
    """Reject names that are too long in combination, by the rules of the constructs.

    :raises InvalidValueError: with the first such name, and the number of characters to remove.
    """
    for path, rule, name in _names(prefix, compute, models):
        rule.check(name, field=path, shorten="the project, the environment or this name")


def _names(prefix: str, compute: Compute | None, models: Models | None) -> Iterator[tuple[str, ResourceName, str]]:
    """Every name that is passed to a construct: key path, rule and name."""
    for name in compute.queues if compute else ():
        yield f"compute.queues.{name}", JOB_QUEUE_NAME, f"{prefix}-{name}"
    for name in compute.clusters if compute else ():
        yield f"compute.clusters.{name}", CLUSTER_NAME, f"{prefix}-{name}"
    if models:
        yield "project", GUARDRAIL_NAME, prefix
        if models.hub:
            yield "project", HUB_NAME, prefix
        if models.studio:
            yield "project", STUDIO_NAME, prefix
        yield from _named(prefix, "imported", models.imported, IMPORTED_NAME)
        yield from _named(prefix, "prompts", models.prompts, PROMPT_NAME)
        yield from _named(prefix, "flows", models.flows, FLOW_NAME)
        yield from _named(prefix, "routers", models.routers, ROUTER_NAME)
        yield from _named(prefix, "provisioned", models.provisioned, CAPACITY_NAME)
        yield from _named(prefix, "batches", models.batches, BATCH_NAME)
        yield from _named(prefix, "evaluations", models.evaluations, EVALUATION_NAME)
        yield from _named(prefix, "endpoints", models.endpoints, ENDPOINT_NAME)
        if models.fine_tuning:
            yield from _named(prefix, "fine_tuning.customized", models.fine_tuning.customized, CUSTOMIZED_NAME)
            yield from _named(prefix, "fine_tuning.pipelines", models.fine_tuning.pipelines, APPROVED_NAME)
        for name, knowledge in models.knowledge.items():
            rule = COLLECTION_NAME if knowledge.store == "opensearch" else KNOWLEDGE_NAME
            yield f"models.knowledge.{name}", rule, f"{prefix}-{name}"
    for path, name in _quotas(compute) if compute else ():
        yield path, QUOTA_NAME, f"{prefix}-{name}"
    for name, cluster in compute.clusters.items() if compute else ():
        if cluster.teams:
            yield f"compute.clusters.{name}", SHARES_NAME, f"{prefix}-{name}-shares"
    for path, name in _components(models) if models else ():
        yield path, COMPONENT_NAME, f"{prefix}-{name}"


def _named(
    prefix: str, section: str, names: Iterable[str], rule: ResourceName
) -> Iterator[tuple[str, ResourceName, str]]:
    return ((f"models.{section}.{name}", rule, f"{prefix}-{name}") for name in names)
