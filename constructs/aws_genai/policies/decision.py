"""IAM policy evaluation of a request, from synthesized templates.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Union

from .conditions import Context, as_list, text
from .principal import Principal
from .resolve import Environment, Resolver
from .statements import Identity, Request, Statement, allowing, first, matches, name_of, names
from .undecidable import UndecidableError

if TYPE_CHECKING:
    from aws_cdk.assertions import Template

Templates = Union["Template", Mapping[str, Any], Sequence[Union["Template", Mapping[str, Any]]]]


@dataclass(frozen=True)
class Decision:
    """Whether the request is allowed, and the policy that decided."""

    allowed: bool
    reason: str


def assert_allows(
    template: Templates,
    role: str | Principal,
    action: str,
    resource: str,
    context: Mapping[str, Any] | None = None,
    *,
    environment: Environment | None = None,
) -> None:
    """Fail unless ``role`` is allowed ``action`` on ``resource``.

    :param template: The template, or the templates of all stacks that are deployed together, optionally as a mapping by
        stack name.
    :param role: The logical id of a role in the template, or a :class:`Principal` outside it.
    :param action: The action, such as ``s3:GetObject``.
    :param resource: An ARN, with the logical id in place of a generated name, or a logical id. With several templates,
        the logical id is prefixed with the name of its stack and a dot.
    :param context: The condition keys of the request. Those that follow from the request are added.
    :raises AssertionError: with what denied it.
    :raises UndecidableError: if the template does not say.
    """
    decision = decide(template, role, action, resource, context, environment=environment)
    if not decision.allowed:
        raise AssertionError(f"{_who(role)} may not {action} on {resource}: {decision.reason}")


def assert_denies(
    template: Templates,
    role: str | Principal,
    action: str,
    resource: str,
    context: Mapping[str, Any] | None = None,
    *,
    environment: Environment | None = None,
) -> None:
    """Fail if ``role`` is allowed ``action`` on ``resource``; see :func:`assert_allows`."""
    decision = decide(template, role, action, resource, context, environment=environment)
    if decision.allowed:
        raise AssertionError(f"{_who(role)} may {action} on {resource}: {decision.reason}")


def decide(
    template: Templates,
    role: str | Principal,
    action: str,
    resource: str,
    context: Mapping[str, Any] | None = None,
    *,
    environment: Environment | None = None,
) -> Decision:
    """Whether ``role`` is allowed ``action`` on ``resource``, and why; see :func:`assert_allows`."""
    model = Model(Resolver(_named(template), environment or Environment()))
    return model.decide(model.principal(role), action, model.target(resource), context or {})


def _who(role: str | Principal) -> str:
    return role if isinstance(role, str) else role.arn


def _named(template: Templates) -> dict[str, dict[str, Any]]:
    if isinstance(template, Mapping):
        if "Resources" in template:
            return {"stack": dict(template)}
        return {name: dict(item) for name, item in template.items()}
    if isinstance(template, Sequence):
        items = [item if isinstance(item, Mapping) else item.to_json() for item in template]
        return {f"stack{index}": dict(item) for index, item in enumerate(items)}
    return {"stack": dict(template.to_json())}


class Model:
    """The policies of templates that are deployed together; reusable for any number of decisions.

    :param resolver: Resolves the references of the templates.
    """

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._environment = resolver.environment
        self._read: dict[int, list[Statement]] = {}

    def principal(self, role: str | Principal) -> Identity:
        """A principal outside the templates, or a role in them by its logical id."""
        if isinstance(role, Principal):
            policies = tuple(statement for policy in role.policies for statement in as_list(policy["Statement"]))
            boundary = tuple(as_list(role.boundary["Statement"])) if role.boundary else None
            return Identity(role.arn, role.is_service, policies, boundary)
        stack, resource = self._find(role, "AWS::IAM::Role")
        return self.role(stack, role.removeprefix(f"{stack}."), resource)

    def service(self, name: str) -> Identity:
        """A service principal, such as ``events.amazonaws.com``."""
        return Identity(name, True, (), None)

    def role(self, stack: str, logical_id: str, resource: Mapping[str, Any]) -> Identity:
        """A role of the templates with all its policies."""
        arn = self._resolver.arn(stack, logical_id) or logical_id
        boundary = resource.get("Properties", {}).get("PermissionsBoundary")
        return Identity(
            arn,
            False,
            tuple(self._attached(stack, logical_id, resource)),
            self._boundary(stack, boundary) if boundary else None,
        )

    def target(self, resource: str) -> str:
        """The ARN of the requested resource."""
        if resource == "*" or resource.startswith("arn:"):
            return resource
        stack, _ = self._find(resource)
        arn = self._resolver.arn(stack, resource.removeprefix(f"{stack}."))
        if arn is None:
            raise UndecidableError(f"{resource} has no ARN that policies name; pass the ARN itself")
        return arn

    def decide(self, who: Identity, action: str, resource: str, given: Mapping[str, Any]) -> Decision:
        context = self._context(who, action, resource, given)
        request = (action, resource, context)
        guards = list(self._resource_policies(resource)) + list(self._endpoint_policies(context))
        sources: list[tuple[str, Sequence[Statement]]] = [("identity policy", who.policies)]
        if who.boundary is not None:
            sources.append(("permissions boundary", who.boundary))
        for kind, statements in sources:
            if statement := first(statements, "Deny", request):
                return Decision(False, f"explicit deny in the {kind}: {name_of(statement)}")
        for kind, statements in guards:
            for statement in statements:
                if statement["Effect"] == "Deny" and matches(statement, request) and names(statement, who) is not None:
                    return Decision(False, f"explicit deny in the {kind}: {name_of(statement)}")
        for kind, statements in guards:
            if kind == "VPC endpoint policy" and not allowing(statements, who, request):
                return Decision(False, "the VPC endpoint policy does not allow it")
        return self._allowed(who, request, [item for item in guards if item[0] != "VPC endpoint policy"])

    def _allowed(
        self,
        who: Identity,
        request: Request,
        guards: Sequence[tuple[str, Sequence[Statement]]],
    ) -> Decision:
        by_identity = first(who.policies, "Allow", request)
        in_boundary = who.boundary is None or first(who.boundary, "Allow", request) is not None
        direct = delegated = None
        for kind, statements in guards:
            for how, statement in allowing(statements, who, request):
                if how == "direct":
                    direct = direct or (kind, statement)
                else:
                    delegated = delegated or (kind, statement)
        if direct is not None:
            if not in_boundary:
                raise UndecidableError("A resource policy allows it, and the permissions boundary does not")
            return Decision(True, f"{direct[0]}: {name_of(direct[1])}")
        if who.is_service:
            return Decision(False, "no resource policy allows the service")
        # A key policy controls all access to the key: IAM policies apply only if it delegates to the account.
        # https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html
        if request[0].lower().startswith("kms:") and ":key/" in request[1]:
            if not guards:
                raise UndecidableError(f"No template holds the key {request[1]}, whose policy decides")
            if delegated is None:
                return Decision(False, "the key policy lets the principal do nothing of the kind")
        if request[0].lower() == "sts:assumerole" and guards and delegated is None:
            return Decision(False, "the trust policy does not admit the principal")
        if by_identity is None:
            return Decision(False, "no policy allows it")
        if not in_boundary:
            return Decision(False, "the permissions boundary does not allow it")
        return Decision(True, f"identity policy: {name_of(by_identity)}")

    def _context(self, who: Identity, action: str, resource: str, given: Mapping[str, Any]) -> Context:
        account = who.arn.split(":")[4] if who.arn.startswith("arn:") else None
        context: dict[str, list[str]] = {
            "aws:securetransport": ["true"],
            "aws:requestedregion": [self._environment.region],
        }
        if account:
            context["aws:principalarn"] = [who.arn]
            context["aws:principalaccount"] = [account]
            if action.lower().startswith("kms:"):
                context["kms:calleraccount"] = [account]
        owner = self._owner(resource)
        if owner:
            context["aws:resourceaccount"] = [owner]
        for key, value in given.items():
            if value is None:
                context.pop(key.lower(), None)
            else:
                context[key.lower()] = [text(item) for item in as_list(value)]
        return context

    def _owner(self, resource: str) -> str | None:
        parts = resource.split(":", 5)
        if len(parts) == 6 and parts[4]:
            return parts[4]
        bucket = f"{':'.join(parts[:5])}:{parts[5].split('/')[0]}" if len(parts) == 6 else resource
        return self._environment.account if bucket in self._buckets else None

    @cached_property
    def _by_type(self) -> dict[str, list[tuple[str, str, dict[str, Any]]]]:
        found: dict[str, list[tuple[str, str, dict[str, Any]]]] = {}
        for stack, logical_id, item in self._resolver.resources():
            found.setdefault(item["Type"], []).append((stack, logical_id, item))
        return found

    def _of(self, *types: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
        return (each for type in types for each in self._by_type.get(type, ()))

    @cached_property
    def _buckets(self) -> set[str | None]:
        return {self._resolver.arn(stack, id) for stack, id, _ in self._of("AWS::S3::Bucket")}

    @cached_property
    def _policies_by_role(self) -> dict[str, list[tuple[str, Mapping[str, Any]]]]:
        """The stack and document of each policy that is attached to a role, by the name of the role."""
        found: dict[str, list[tuple[str, Mapping[str, Any]]]] = {}
        for stack, _, item in self._of("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"):
            for name in self._resolver.resolve(stack, item["Properties"].get("Roles", [])):
                found.setdefault(name, []).append((stack, item["Properties"]["PolicyDocument"]))
        return found

    @cached_property
    def _managed_by_arn(self) -> dict[str | None, tuple[str, Mapping[str, Any]]]:
        return {
            self._resolver.arn(stack, id): (stack, item["Properties"]["PolicyDocument"])
            for stack, id, item in self._of("AWS::IAM::ManagedPolicy")
        }

    @cached_property
    def _documents(self) -> dict[str | None, tuple[str, str, Mapping[str, Any]]]:
        """The kind, stack and document of the policies of keys and roles, by the ARN of the key or role."""
        resolver = self._resolver
        keys = {
            resolver.arn(stack, id): ("key policy", stack, item["Properties"]["KeyPolicy"])
            for stack, id, item in self._of("AWS::KMS::Key")
        }
        roles = {
            resolver.arn(stack, id): ("trust policy", stack, item["Properties"]["AssumeRolePolicyDocument"])
            for stack, id, item in self._of("AWS::IAM::Role")
        }
        return keys | roles

    @cached_property
    def _places(self) -> list[tuple[str, tuple[str, ...], str, Mapping[str, Any]]]:
        """The kind, resource, stack and document of the policies of buckets, topics and queues."""
        found: list[tuple[str, tuple[str, ...], str, Mapping[str, Any]]] = []
        resolve = self._resolver.resolve
        for stack, _, item in self._of("AWS::S3::BucketPolicy"):
            bucket = f"arn:{self._environment.partition}:s3:::{resolve(stack, item['Properties']['Bucket'])}"
            found.append(("bucket policy", (bucket,), stack, item["Properties"]["PolicyDocument"]))
        for stack, _, item in self._of("AWS::SNS::TopicPolicy"):
            topics = tuple(map(str, resolve(stack, item["Properties"]["Topics"])))
            found.append(("topic policy", topics, stack, item["Properties"]["PolicyDocument"]))
        for stack, _, item in self._of("AWS::SQS::QueuePolicy"):
            queues = tuple(str(queue).rpartition("/")[2] for queue in resolve(stack, item["Properties"]["Queues"]))
            found.append(("queue policy", queues, stack, item["Properties"]["PolicyDocument"]))
        return found

    def _find(self, logical_id: str, kind: str | None = None) -> tuple[str, dict[str, Any]]:
        found = [
            (stack, resource)
            for stack, name, resource in self._resolver.resources()
            if logical_id in (name, f"{stack}.{name}") and kind in (None, resource["Type"])
        ]
        if len(found) != 1:
            what = kind or "resource"
            raise UndecidableError(f"{len(found) or 'No'} {what} has the logical id {logical_id}")
        return found[0]

    def _attached(self, stack: str, role: str, resource: Mapping[str, Any]) -> Iterator[Statement]:
        """The statements of a role: of inline policies, and of policies in the templates that are attached to it."""
        properties = resource.get("Properties", {})
        for policy in properties.get("Policies", ()):
            yield from self._statements(stack, policy["PolicyDocument"])
        for attached in properties.get("ManagedPolicyArns", ()):
            yield from self._managed(stack, attached)
        for other, document in self._policies_by_role.get(self._resolver.resolve(stack, {"Ref": role}), ()):
            yield from self._statements(other, document)

    def _managed(self, stack: str, attached: Any) -> Iterator[Statement]:  # noqa: ANN401 - JSON
        arn = self._resolver.resolve(stack, attached)
        if arn not in self._managed_by_arn:
            raise UndecidableError(f"The managed policy {arn} is not in the template, so what it allows is not known")
        yield from self._statements(*self._managed_by_arn[arn])

    def _boundary(self, stack: str, boundary: Any) -> tuple[Statement, ...]:  # noqa: ANN401 - JSON
        return tuple(self._managed(stack, boundary))

    def _statements(self, stack: str, document: Mapping[str, Any]) -> list[Statement]:
        # Templates do not change, so results are cached.
        if id(document) not in self._read:
            found = [self._resolver.resolve(stack, statement) for statement in as_list(document["Statement"])]
            self._read[id(document)] = found
        return self._read[id(document)]

    def _resource_policies(self, resource: str) -> Iterator[tuple[str, list[Statement]]]:
        """The policies of the requested resource."""
        if resource in self._documents:
            kind, stack, document = self._documents[resource]
            # In a key policy, the resource * is the key itself; a trust policy has no resource.
            named = {} if kind == "key policy" else {"Resource": resource}
            yield kind, [{**statement, **named} for statement in self._statements(stack, document)]
        queue = resource.rpartition(":")[2]
        for kind, places, stack, document in self._places:
            for place in places:
                on_bucket = kind == "bucket policy" and resource.startswith(f"{place}/")
                if on_bucket or place == (queue if kind == "queue policy" else resource):
                    yield kind, self._statements(stack, document)
        for stack, _, item in self._of("AWS::Lambda::Permission"):
            properties = item["Properties"]
            if self._resolver.resolve(stack, properties["FunctionName"]) in (resource, queue):
                yield "function policy", [self._permission(stack, properties, resource)]

    def _permission(self, stack: str, properties: Mapping[str, Any], resource: str) -> Statement:
        values = self._resolver.resolve(stack, properties)
        conditions: dict[str, dict[str, Any]] = {}
        if "SourceAccount" in values:
            conditions["StringEquals"] = {"aws:SourceAccount": values["SourceAccount"]}
        if "SourceArn" in values:
            conditions["ArnLike"] = {"aws:SourceArn": values["SourceArn"]}
        principal = str(values["Principal"])
        return {
            "Effect": "Allow",
            "Principal": {"Service": principal} if principal.endswith(".amazonaws.com") else {"AWS": principal},
            "Action": values["Action"],
            "Resource": resource,
            "Condition": conditions,
        }

    def _endpoint_policies(self, context: Context) -> Iterator[tuple[str, list[Statement]]]:
        """The policy of the VPC endpoint of the request, from ``aws:SourceVpce``."""
        through = context.get("aws:sourcevpce", [])
        for stack, logical_id, item in self._of("AWS::EC2::VPCEndpoint"):
            # By its logical id, with or without its stack, as references to it are resolved.
            if {logical_id, f"{stack}.{logical_id}"} & set(through):
                document = item["Properties"].get("PolicyDocument")
                if document:
                    yield "VPC endpoint policy", self._statements(stack, document)
