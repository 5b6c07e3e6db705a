"""Rules for quotas and formats."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ...data import load
from ...policies.conditions import as_list
from ..documents import IDENTITY, TRUST, documents
from ..emitted import Emitted, Resource
from ..rules import Hit, rule

_PAGES = "https://docs.aws.amazon.com/"
_IAM_PAGE = "IAM/latest/UserGuide/reference_iam-quotas.html"
_IAM = _PAGES + _IAM_PAGE
_CLOUDFORMATION = "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"


def _compact(value: Any) -> int:  # noqa: ANN401 - JSON
    """Number of characters of a value as JSON, without spaces: IAM does not count white space."""
    return len(json.dumps(value, separators=(",", ":")))


@rule(
    "GENAI_POLICY_SIZE",
    holds="Policies are within the maximum size of their service.",
    why="The service rejects a larger policy.",
    fix="split the role or the resource, or refer to resources by a common prefix that no other resource has.",
    page=_IAM,
)
def policy_size(app: Emitted) -> Iterator[Hit]:
    # A value that is known only at deployment counts as a logical id, which is about as long as a generated name.
    sizes = {type: (most, page) for type, most, page in load("limits")["policies"]}
    inline: dict[str, tuple[Resource, int]] = {}
    for each in documents(app):
        size = _compact(each.content)
        most, page = sizes.get(each.resource.type, (0, ""))
        if each.kind == TRUST:
            most, page = 2048, _IAM_PAGE
        elif each.kind == IDENTITY and each.resource.type != "AWS::IAM::ManagedPolicy":
            # The quota applies to the total size of a role's inline policies.
            for role in as_list(each.resource.get("Roles") or []) or [each.resource.id]:
                resource, before = inline.get(str(role), (each.resource, 0))
                inline[str(role)] = (resource, before + size)
            continue
        if most and size > most:
            yield Hit(
                each.resource, each.where, f"It has {size:,} characters, {most:,} is the maximum (see {_PAGES}{page})."
            )
    for resource, size in inline.values():
        if size > 10240:
            yield Hit(
                resource, "Properties", f"Inline policies have {size:,} characters in total, 10,240 is the maximum."
            )


@rule(
    "GENAI_ROLE_POLICIES",
    holds="A role has at most ten managed policies.",
    why="IAM attaches at most ten managed policies to a role, unless the account's quota was increased.",
    fix="merge policies, or use a role for each task.",
    page=_IAM,
)
def role_policies(app: Emitted) -> Iterator[Hit]:
    counts: dict[str, int] = {}
    for each in app.of("AWS::IAM::ManagedPolicy"):
        for role in as_list(each.get("Roles") or []):
            counts[str(role)] = counts.get(str(role), 0) + 1
    for role in app.of("AWS::IAM::Role"):
        name = str(app.resolver.resolve(role.stack.name, {"Ref": role.id}))
        count = counts.get(name, 0) + len(as_list(role.get("ManagedPolicyArns") or []))
        if count > 10:
            yield Hit(role, "Properties", f"{role.id} has {count}.")


@rule(
    "GENAI_STACK_SIZE",
    holds="A stack has at most 500 resources, 200 outputs, 200 parameters, and a template of 1 MB.",
    why="CloudFormation rejects a larger template.",
    fix="move a part of the stack to another stack.",
    page=_CLOUDFORMATION,
)
def stack_size(app: Emitted) -> Iterator[Hit]:
    for stack in app.stacks.values():
        for part, most in (("Resources", 500), ("Outputs", 200), ("Parameters", 200), ("Mappings", 200)):
            count = len(stack.template.get(part, {}))
            if count > most:
                yield Hit(stack, part, f"{stack.name} has {count} {part.lower()}, {most} is the maximum.")
        size = len(json.dumps(stack.template, separators=(",", ":")))
        if size > 1_048_576:
            yield Hit(stack, "Resources", f"The template of {stack.name} has {size:,} bytes, 1,048,576 is the maximum.")


#: Resource type, property, what is counted, maximum, page.
#: How the rows of the data file count a property.
_COUNT: Mapping[str, Callable[[Any], int]] = {
    "length": len,
    "number": int,
    "json": _compact,
    "text": lambda value: len(value) if isinstance(value, str) else _compact(value),
}


@rule(
    "GENAI_QUOTA",
    holds="Properties are within the quotas of their service.",
    why="The service rejects a higher number or length, and the deployment fails.",
    fix="shorten the property, or split the resource.",
    page="https://docs.aws.amazon.com/general/latest/gr/aws-service-information.html",
)
def quotas(app: Emitted) -> Iterator[Hit]:
    for type, path, count, most, page in load("limits")["counts"]:
        for each in app.of(type):
            value = each.get(path)
            if value is not None and (number := _COUNT[count](value)) > most:
                what = f"{path} has {number:,}, {most:,} is the maximum (see {_PAGES}{page})."
                yield Hit(each, f"Properties.{path}", what)


#: The characters that most services allow in tags; IAM and others allow no more. The prefix aws: is reserved.
_TAG = re.compile(r"[\w\s+\-=._:/@]*", re.UNICODE)


@rule(
    "GENAI_TAGS_TAKEN",
    holds="A resource has at most 50 tags, of letters, digits, spaces and + - = . _ : / @, without the prefix aws:.",
    why="Services reject other tags, and the deployment fails.",
    fix="remove other characters from the tag, and use at most 50 tags.",
    page="https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html",
)
def tags_taken(app: Emitted) -> Iterator[Hit]:
    for each in app.resources:
        tags = each.properties.get("Tags")
        if isinstance(tags, Mapping):
            pairs = list(tags.items())
        elif isinstance(tags, list):
            pairs = [(tag.get("Key"), tag.get("Value")) for tag in tags if isinstance(tag, Mapping)]
        else:
            continue
        if len(pairs) > 50:
            yield Hit(each, "Properties.Tags", f"There are {len(pairs)} tags.")
        for key, value in pairs:
            if "<" in f"{key}{value}":
                continue
            if not _TAG.fullmatch(f"{key}{value}") or str(key).lower().startswith("aws:"):
                yield Hit(each, "Properties.Tags", f"The tag {key}: {value} is not valid.")
            if not 1 <= len(str(key)) <= 128 or len(str(value)) > 256:
                yield Hit(each, "Properties.Tags", f"{key} is longer than 128 characters, or its value than 256.")


#: Characters and lengths of names: resource type, property, pattern, page. References in names are resolved first.
@rule(
    "GENAI_NAME_TAKEN",
    holds="Names have the characters and the length that their service accepts.",
    why="The service rejects the name, and the deployment fails.",
    fix="shorten the name of the project, the environment or the resource, and use ASCII letters, digits and hyphens.",
    page="https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-name.html",
)
def names_taken(app: Emitted) -> Iterator[Hit]:
    for type, path, pattern, page in load("limits")["names"]:
        for each in app.of(type):
            name = each.get(path)
            # Names with a part that is known only at deployment are not checked.
            if name is not None and "<" not in str(name) and not re.fullmatch(pattern, str(name), re.ASCII):
                what = f"{name} ({len(str(name))} characters) is not valid (see {_PAGES}{page})."
                yield Hit(each, f"Properties.{path}", what)
    for stack in app.stacks.values():
        nested = stack.file.endswith(".nested.template.json")
        if not nested and not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{0,127}", stack.name):
            yield Hit(stack, "Resources", f"{stack.name} cannot be the name of a stack.")
        for output in stack.template.get("Outputs", {}).values():
            if len(str(output.get("Description", ""))) > 1024:
                yield Hit(stack, "Outputs", "The description of an output has more than 1,024 characters.")


#: The default quota of concurrent executions of an account, and the number that must remain unreserved.
#: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
_CONCURRENCY, _UNRESERVED = 1000, 100


@rule(
    "GENAI_RESERVED_CONCURRENCY",
    holds="Functions reserve no more concurrency than the default quota of the account allows.",
    why="Lambda rejects a reservation that leaves fewer than 100 unreserved concurrent executions in the account.",
    fix="reserve less, or leave the reservation out; new accounts may have a quota of 10.",
    page="https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html",
)
def reserved_concurrency(app: Emitted) -> Iterator[Hit]:
    reserved: dict[str, int] = {}
    for each in app.of("AWS::Lambda::Function"):
        number = each.get("ReservedConcurrentExecutions", 0)
        region = each.stack.region
        reserved[region] = reserved.get(region, 0) + (number if isinstance(number, int) else 0)
        if reserved[region] > _CONCURRENCY - _UNRESERVED:
            what = f"Functions reserve {reserved[region]:,} in {region}."
            yield Hit(each, "Properties.ReservedConcurrentExecutions", what)
