"""Rules for VPC endpoints and subnets that EC2 would reject."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ...data import load
from ...policies.conditions import arn_matches, as_list
from ..documents import allows
from ..emitted import Emitted, Resource
from ..rules import Hit, rule

_ENDPOINT, _SUBNET, _VPC = "AWS::EC2::VPCEndpoint", "AWS::EC2::Subnet", "AWS::EC2::VPC"
_CREATE = "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVpcEndpoint.html"


def endpoint_service(endpoint: Resource) -> str:
    """The service of an endpoint, such as ``ecr.api``."""
    return str(endpoint.get("ServiceName", "")).partition("com.amazonaws.")[2].partition(".")[2]


def _facts(endpoint: Resource) -> Mapping[str, Any]:
    facts: Mapping[str, Any] = load("endpoints")["services"].get(endpoint_service(endpoint), {})
    return facts


def _is_interface(endpoint: Resource) -> bool:
    return bool(endpoint.get("VpcEndpointType") == "Interface")


@rule(
    "GENAI_ENDPOINT_PRIVATE_DNS",
    holds="Private DNS is enabled only for services whose interface endpoints support it.",
    why="EC2 rejects private DNS for a service that does not support it.",
    fix="use the gateway endpoint of the service, or omit PrivateDnsEnabled and use the DNS names of the endpoint.",
    page="https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/privatelink-interface-endpoints.html",
)
def private_dns(app: Emitted) -> Iterator[Hit]:
    for each in app.of(_ENDPOINT):
        if _is_interface(each) and each.get("PrivateDnsEnabled") is True and _facts(each).get("private_dns") is False:
            yield Hit(each, "Properties.PrivateDnsEnabled", f"{endpoint_service(each)} has no private DNS.")


@rule(
    "GENAI_ENDPOINT_POLICY_TAKEN",
    holds="A VPC endpoint has a policy only if the service supports endpoint policies.",
    why="EC2 rejects an endpoint policy for a service that does not support it.",
    fix="omit PolicyDocument.",
    page="https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html",
)
def policy_taken(app: Emitted) -> Iterator[Hit]:
    for each in app.of(_ENDPOINT):
        if each.get("PolicyDocument") is not None and _facts(each).get("policy") is False:
            yield Hit(each, "Properties.PolicyDocument", f"{endpoint_service(each)} takes no policy.")


@rule(
    "GENAI_ENDPOINT_OF_ITS_KIND",
    holds="Gateway endpoints are for S3 and DynamoDB, with route tables; interface endpoints have subnets and groups.",
    why="EC2 rejects an endpoint of a type that the service does not support, or with properties of the other type.",
    fix="name RouteTableIds for a gateway endpoint, SubnetIds and SecurityGroupIds for an interface endpoint.",
    page=_CREATE,
)
def kind_of_endpoint(app: Emitted) -> Iterator[Hit]:
    for each in app.of(_ENDPOINT):
        service = endpoint_service(each)
        # CloudFormation's default.
        kind = each.get("VpcEndpointType", "Gateway")
        if kind == "Gateway":
            if service and service not in ("s3", "dynamodb"):
                yield Hit(each, "Properties.VpcEndpointType", f"{service} has no gateway endpoint.")
            for name in ("SubnetIds", "SecurityGroupIds", "PrivateDnsEnabled"):
                if each.get(name):
                    yield Hit(each, f"Properties.{name}", f"A gateway endpoint has no {name}.")
        elif kind == "Interface" and each.get("RouteTableIds"):
            yield Hit(each, "Properties.RouteTableIds", "An interface endpoint has no RouteTableIds.")


def _network(value: Any) -> ipaddress.IPv4Network | None:  # noqa: ANN401 - JSON
    try:
        return ipaddress.IPv4Network(value)
    except (ValueError, TypeError):
        return None


@rule(
    "GENAI_SUBNETS_APART",
    holds="The subnets of a VPC are in its CIDR range and do not overlap.",
    why="EC2 rejects a subnet that overlaps another one, including one that the update will delete.",
    fix="divide the range for the maximum number of zones, so that each subnet keeps its part.",
    page="https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html",
)
def subnets_apart(app: Emitted) -> Iterator[Hit]:
    seen: list[tuple[Any, ipaddress.IPv4Network]] = []
    for each in app.of(_SUBNET):
        vpc, mine = each.get("VpcId"), _network(each.get("CidrBlock"))
        if mine is None:
            continue
        found = app.found(vpc, _VPC)
        whole = _network(found.get("CidrBlock")) if found else None
        secondary = any(block.get("VpcId") == vpc for block in app.of("AWS::EC2::VPCCidrBlock"))
        if whole is not None and not secondary and not mine.subnet_of(whole):
            yield Hit(each, "Properties.CidrBlock", f"{mine} is not in {whole}.")
        if not 16 <= mine.prefixlen <= 28:
            yield Hit(each, "Properties.CidrBlock", f"{mine} is not between /16 and /28.")
        if any(other == vpc and mine.overlaps(theirs) for other, theirs in seen):
            yield Hit(each, "Properties.CidrBlock", f"{mine} overlaps another subnet.")
        seen.append((vpc, mine))


@rule(
    "GENAI_IMAGES_GET_THROUGH",
    holds="The policies of ECR's endpoints allow the registries that nodes and jobs pull from.",
    why="Other images cannot be pulled, so nodes do not become ready and jobs do not start.",
    fix="add the registries to the argument registries of PrivateNetwork.",
    page="https://docs.aws.amazon.com/eks/latest/userguide/private-clusters.html",
)
def images_get_through(app: Emitted) -> Iterator[Hit]:
    for endpoint in app.of(_ENDPOINT):
        service = endpoint_service(endpoint)
        document = endpoint.get("PolicyDocument")
        if service not in ("ecr.api", "ecr.dkr") or document is None:
            continue
        partition = app.resolver.where(endpoint.stack.name).partition
        region = endpoint.stack.region
        allowed = [
            str(resource)
            for statement in as_list(document.get("Statement", []))
            if allows(statement, "ecr:BatchGetImage")
            for resource in as_list(statement.get("Resource", []))
        ]
        for account in sorted(_pulled(app, region)):
            place = f"arn:{partition}:ecr:{region}:{account}:repository/x"
            if not any(arn_matches(each, place) for each in allowed):
                yield Hit(endpoint, "Properties.PolicyDocument", f"Images of {account} do not get through.")


def _pulled(app: Emitted, region: str) -> set[str]:
    """The known accounts from which nodes and jobs of a Region pull images."""
    accounts: set[str] = set()
    for cluster in app.of("AWS::SageMaker::Cluster"):
        if cluster.stack.region == region and cluster.get("Orchestrator.Eks"):
            known = load("registries")
            accounts |= {known[kind][region] for kind in ("eks", "hyperpod") if region in known[kind]}
    for job in app.of("AWS::Batch::JobDefinition"):
        ranges = as_list(job.get("NodeProperties.NodeRangeProperties") or [])
        for container in (job.get("ContainerProperties"), *(each.get("Container") for each in ranges)):
            image = str((container or {}).get("Image", ""))
            if re.match(r"\d{12}\.dkr\.ecr\.", image):
                accounts.add(image[:12])
    return accounts
