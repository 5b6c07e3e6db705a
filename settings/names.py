"""Checks that names of resources and constructs are unique and within the limits of AWS."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from aws_genai.errors import InvalidValueError

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
    """Reject names that are too long in combination.

    :raises InvalidValueError: with the first such name, and the number of characters to remove.
    """
    for path, kind, name, limit in _lengths(prefix, compute, models):
        if len(name) > limit:
            raise InvalidValueError(
                f"{kind} {name} would have {len(name)} characters; AWS allows {limit}",
                field=path,
                hint=f"Shorten the project, the environment or this name by {len(name) - limit}",
            )


def _lengths(prefix: str, compute: Compute | None, models: Models | None) -> Iterator[tuple[str, str, str, int]]:
    """Every physical name: key path, kind of resource, name and the limit of AWS."""
    for name in compute.queues if compute else ():
        yield f"compute.queues.{name}", "Job queue", f"{prefix}-{name}", 128
    for name in compute.clusters if compute else ():
        yield f"compute.clusters.{name}", "Cluster", f"{prefix}-{name}", 63
    if models:
        yield "project", "Guardrail", prefix, 50
        if models.hub or models.studio:
            yield "project", "Studio", prefix, 63
        for name in models.imported:
            # Names of imported models end in a suffix that identifies weights and request.
            yield f"models.imported.{name}", "Model", f"{prefix}-{name}", 40
        for name in models.routers:
            yield f"models.routers.{name}", "Router", f"{prefix}-{name}", 64
        for name in models.provisioned:
            yield f"models.provisioned.{name}", "Throughput", f"{prefix}-{name}", 54
        for name in models.fine_tuning.customized if models.fine_tuning else ():
            yield f"models.fine_tuning.customized.{name}", "Model", f"{prefix}-{name}", 54
        for name in models.batches:
            yield f"models.batches.{name}", "Batch", f"{prefix}-{name}", 63
        for name in models.evaluations:
            # Names of jobs end in a suffix for the execution, and the name of the state machine ends in its kind.
            yield f"models.evaluations.{name}", "Evaluation", f"{prefix}-{name}", 63
        for name in models.knowledge:
            most = 28 if models.knowledge[name].store == "opensearch" else 63
            yield f"models.knowledge.{name}", "Knowledge base", f"{prefix}-{name}", most
        for name in models.endpoints:
            yield f"models.endpoints.{name}", "Endpoint", f"{prefix}-{name}", 63
        for name in models.fine_tuning.pipelines if models.fine_tuning else ():
            # An endpoint configuration has the name of its endpoint and a version number.
            yield f"models.fine_tuning.pipelines.{name}", "Pipeline", f"{prefix}-{name}", 55
    for path, name in _quotas(compute) if compute else ():
        yield path, "Quota", f"{prefix}-{name}", 63
    for name, cluster in compute.clusters.items() if compute else ():
        if cluster.teams:
            yield f"compute.clusters.{name}", "Shares of the cluster", f"{prefix}-{name}-shares", 63
    for path, name in _components(models) if models else ():
        yield path, "Inference component", f"{prefix}-{name}", 63
