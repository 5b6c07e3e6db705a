"""Rules for policies: actions, resources and condition keys exist in IAM, and can match together."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache

from ...data import iam, load
from ...policies.conditions import as_list
from ...policies.statements import Identity, matches
from ..arns import overlaps
from ..documents import ENDPOINT, KEY, TRUST, Document, documents
from ..emitted import ACCOUNT, Emitted
from ..rules import Hit, rule

_REFERENCE = (
    "https://docs.aws.amazon.com/service-authorization/latest/reference/"
    "reference_policies_actions-resources-contextkeys.html"
)

#: ARN formats that an action supports by AWS's documentation, although the reference does not list them.
_ALSO_TAKEN = {
    # A model can be created from a model package:
    # https://docs.aws.amazon.com/sagemaker/latest/dg/model-registry-deploy-xaccount.html
    "sagemaker:createmodel": ("arn:${Partition}:sagemaker:${Region}:${Account}:model-package/${ModelPackageName}",),
}

#: Condition keys that AWS's own policies use with an action, although the reference does not list them.
_ALSO_KNOWN = {
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
    ("kms:describekey", "kms:encryptioncontext:aws:logs:arn"),
}


def _named(statement: Mapping[str, object]) -> list[str]:
    return [str(each) for each in as_list(statement.get("Action", statement.get("NotAction", [])))]


def _split(action: str) -> tuple[str, str]:
    prefix, _, name = action.partition(":")
    return prefix.lower(), name


def _statements(app: Emitted) -> Iterator[tuple[Document, Mapping[str, object]]]:
    for each in documents(app):
        for statement in each.statements:
            yield each, statement


@rule(
    "GENAI_ACTION_EXISTS",
    holds="Every action of every policy exists.",
    why="IAM accepts a policy with an action that does not exist, which has no effect.",
    fix="use the name in the Service Authorization Reference; Converse, for example, is allowed by InvokeModel.",
    page=_REFERENCE,
)
def actions_exist(app: Emitted) -> Iterator[Hit]:
    for each, statement in _statements(app):
        for action in _named(statement):
            prefix, name = _split(action)
            if action == "*" or "<" in action:
                continue
            service = iam.service(prefix)
            if service is None:
                yield Hit(each.resource, each.where, f"There is no service prefix {prefix} ({action}).")
            elif not service.matching(name):
                yield Hit(each.resource, each.where, f"{action} is not an action.")


@rule(
    "GENAI_ACTION_MEETS_RESOURCE",
    holds="Every action that a statement allows supports at least one of its resources.",
    why="A statement never allows an action that supports none of its resources.",
    fix="use a separate statement with a resource type that the action supports, or * if it supports none.",
    page=_REFERENCE,
)
def actions_meet_resources(app: Emitted) -> Iterator[Hit]:
    for each, statement in _statements(app):
        if each.kind in (KEY, TRUST) or statement.get("Effect") != "Allow" or "Resource" not in statement:
            continue
        resources = tuple(str(item) for item in as_list(statement["Resource"]))
        for action in _named(statement) if "Action" in statement else ():
            if not _meets(action, resources):
                what = "it takes no resource" if not _forms(action) else "none of the resources is of a type it takes"
                yield Hit(each.resource, each.where, f"{action} is never allowed: {what}.")


@cache
def _forms(action: str) -> tuple[str, ...] | None:
    """The ARN formats of an action's resources; None if it is not one known action."""
    prefix, name = _split(action)
    service = iam.service(prefix) if "*" not in action and "?" not in action else None
    found = service.action(name) if service else None
    if service is None or found is None:
        return None
    listed = tuple(service.arns[type] for type in found.types if type in service.arns)
    return listed + _ALSO_TAKEN.get(action.lower(), ())


@cache
def _meets(action: str, resources: tuple[str, ...]) -> bool:
    forms = _forms(action)
    if forms is None or "*" in resources:
        return True
    # An unknown value can be anything.
    if any(re.fullmatch(r"<[^<>]*>", each) for each in resources):
        return bool(forms)
    return any(overlaps(each, form) for each in resources for form in forms)


#: Operators that match if the key is absent from the request.
_HOLDS_WITHOUT = re.compile(r"(Not|IfExists|Null|ForAllValues)")


@rule(
    "GENAI_CONDITION_KEY_KNOWN",
    holds="Every condition of an Allow statement uses a condition key that its actions support.",
    why="A request has no value for a key that its action does not support, so the statement never allows the action.",
    fix="use a separate statement with a key that the action supports, such as sagemaker:TaggingAction for AddTags.",
    page=_REFERENCE,
)
def condition_keys_known(app: Emitted) -> Iterator[Hit]:
    for each, statement in _statements(app):
        conditions = statement.get("Condition")
        if statement.get("Effect") != "Allow" or not isinstance(conditions, Mapping) or "Action" not in statement:
            continue
        resources = tuple(str(item) for item in as_list(statement.get("Resource", "*")))
        for operator, tests in conditions.items():
            if _HOLDS_WITHOUT.search(operator):
                continue
            for key in tests:
                for action in _named(statement):
                    if not _knows(action, str(key).lower(), resources):
                        yield Hit(each.resource, each.where, f"{action} knows no condition key {key}.")


@cache
def _knows(action: str, key: str, resources: tuple[str, ...]) -> bool:
    if (action.lower(), key) in _ALSO_KNOWN or "<" in action or action == "*":
        return True
    if key in iam.GLOBAL_KEYS or key.startswith("aws:principaltag/"):
        return True
    prefix, pattern = _split(action)
    service = iam.service(prefix)
    if service is None:
        return True  # reported by another rule
    return any(_one_knows(service, name, key, resources) for name in service.matching(pattern)) or not service.matching(
        pattern
    )


def _one_knows(service: iam.Service, name: str, key: str, resources: tuple[str, ...]) -> bool:
    action = service.action(name)
    assert action is not None  # noqa: S101 - it was just found
    types = [
        type
        for type in action.types
        if type in service.arns and any(overlaps(each, service.arns[type]) for each in resources)
    ]
    known = [*action.keys, *(each for type in types for each in service.keys_of(type))]
    return any(_key_matches(each.lower(), key) for each in known)


def _key_matches(known: str, key: str) -> bool:
    """Whether a key is in the reference, in which ``${...}`` represents a name."""
    stem, variable, _ = known.partition("${")
    return key.startswith(stem) and len(key) > len(stem) if variable else key == known


@rule(
    "GENAI_POLICY_OF_ITS_SERVICE",
    holds="Key policies, trust policies and endpoint policies contain only actions of their own service.",
    why="Such a policy is evaluated only for requests to its own service.",
    fix="use actions of the service of the key, role or endpoint, with its IAM service prefix.",
    page="https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html",
)
def policies_of_their_service(app: Emitted) -> Iterator[Hit]:
    for each, statement in _statements(app):
        if each.kind == KEY:
            allowed = {"kms"}
        elif each.kind == TRUST:
            allowed = {"sts"}
        elif each.kind == ENDPOINT:
            allowed = endpoint_prefixes(str(each.resource.get("ServiceName")))
        else:
            continue
        for action in _named(statement):
            prefix, _ = _split(action)
            if allowed and prefix not in allowed and action != "*":
                yield Hit(each.resource, each.where, f"{action} is never asked here.")


@rule(
    "GENAI_ENDPOINT_LETS_THROUGH",
    holds="The policy of a VPC endpoint allows the requests without a resource that roles of the app may send.",
    why="A request without a resource has no aws:ResourceAccount, so the endpoint denies it.",
    fix="use only aws:PrincipalAccount in the statement for actions without a resource.",
    page="https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html",
)
def endpoints_let_through(app: Emitted) -> Iterator[Hit]:
    called: dict[str, set[str]] = {}
    for role in _inside(app):
        for statement in role.policies:
            for action in _named(statement) if statement.get("Effect") == "Allow" else ():
                if _forms(action) == ():
                    called.setdefault(_split(action)[0], set()).add(action)
    context = {"aws:principalaccount": [ACCOUNT], "aws:securetransport": ["true"]}
    for each in documents(app):
        if each.kind != ENDPOINT:
            continue
        prefixes = endpoint_prefixes(str(each.resource.get("ServiceName")))
        for action in sorted(action for prefix in prefixes for action in called.get(prefix, ())):
            # Several endpoints can serve one prefix, as sagemaker.api and sagemaker.runtime do; one of them is
            # required.
            if not any(_lets_through(item, action, "*", context) for item in _serving(app, prefixes)):
                yield Hit(each.resource, each.where, f"{action} does not get through.")


def _inside(app: Emitted) -> Iterator[Identity]:
    """Roles of workloads in a VPC: functions, and instances with their containers."""
    arns = {each.get("Role") for each in app.of("AWS::Lambda::Function") if each.get("VpcConfig.SubnetIds")}
    for profile in app.of("AWS::IAM::InstanceProfile"):
        names = as_list(profile.get("Roles") or [])
        arns |= {role.arn for name in names if (role := app.found(name, "AWS::IAM::Role"))}
    for job in app.of("AWS::Batch::JobDefinition"):
        arns.add(job.get("ContainerProperties.JobRoleArn"))
    yield from filter(None, map(app.role, sorted(filter(None, arns))))


def _serving(app: Emitted, prefixes: set[str]) -> list[Document]:
    return [
        each
        for each in documents(app)
        if each.kind == ENDPOINT and endpoint_prefixes(str(each.resource.get("ServiceName"))) & prefixes
    ]


def _lets_through(document: Document, action: str, resource: str, context: Mapping[str, list[str]]) -> bool:
    request = (action, resource, context)
    allowed = [each for each in document.statements if each.get("Effect") == "Allow" and matches(each, request)]
    denied = [each for each in document.statements if each.get("Effect") == "Deny" and matches(each, request)]
    return bool(allowed) and not denied


def endpoint_prefixes(service_name: str) -> set[str]:
    """The IAM prefixes of the actions that an endpoint serves; empty if they are not known."""
    service = service_name.partition("com.amazonaws.")[2].partition(".")[2]
    entry = load("endpoints")["services"].get(service)
    return set(entry["prefixes"]) if entry else set()
