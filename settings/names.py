"""Names that resources and constructs get from those of the settings: unique, and within the limits of AWS."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from aws_genai.errors import InvalidValueError

if TYPE_CHECKING:
    from .compute import Compute
    from .model import Settings
    from .models import Models

#: What ``stacks/`` makes of each section of layer 2, by what it puts behind a name.
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


def check_unique(settings: Settings) -> None:
    """Refuse names of the settings that make one name of two things.

    Ids of constructs are unique in their stack. Logical ids, and what is looked up by them, have no hyphens, so names
    that differ in those only are refused too.

    :raises InvalidValueError: naming both.
    """
    if settings.compute:
        _apart("resources", ids_in_compute(settings.compute))
        _apart("a quota of a cluster", _quotas(settings.compute), hyphens=True)
    if settings.models:
        _apart("resources", ids_in_models(settings.models))
        _apart("an inference component", _components(settings.models), hyphens=True)
        for name, knowledge in settings.models.knowledge.items():
            below = f"models.knowledge.{name}"
            sources = [(f"{below}.sources.{each}", each) for each in knowledge.sources]
            sources += [(f"{below}.web.{each}", each) for each in knowledge.web]
            sources += [(f"{below}.custom.{each}", each) for each in knowledge.custom]
            # The data source of the bucket is called so.
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
    """The ids of constructs that names of layer 1 make, each with the key path of its name."""
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
    """The ids of constructs that names of layer 2 make, each with the key path of its name."""
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


def check_lengths(settings: Settings) -> None:
    """Refuse names that are too long together.

    :raises InvalidValueError: naming the first, and by how much.
    """
    for path, kind, name, limit in _lengths(settings):
        if len(name) > limit:
            raise InvalidValueError(
                f"{kind} {name} would have {len(name)} characters; AWS allows {limit}",
                field=path,
                hint=f"Shorten the project, the environment or this name by {len(name) - limit}",
            )


def _lengths(settings: Settings) -> Iterator[tuple[str, str, str, int]]:
    """Names of more than one part beside those that ``Settings`` knows: path, kind, name and the limit of AWS."""
    for path, name in _quotas(settings.compute) if settings.compute else ():
        yield path, "Quota", f"{settings.prefix}-{name}", 63
    for name, cluster in settings.compute.clusters.items() if settings.compute else ():
        if cluster.teams:
            yield f"compute.clusters.{name}", "Shares of the cluster", f"{settings.prefix}-{name}-shares", 63
    for path, name in _components(settings.models) if settings.models else ():
        yield path, "Inference component", f"{settings.prefix}-{name}", 63
