"""Rules for CloudFront distributions: encryption, web ACLs, and APIs that nobody reaches around them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ...policies.conditions import as_list
from ..emitted import Emitted, Resource, pick
from ..rules import Hit, rule

_DISTRIBUTION, _API, _STAGE = "AWS::CloudFront::Distribution", "AWS::ApiGateway::RestApi", "AWS::ApiGateway::Stage"
_ACL, _ASSOCIATION = "AWS::WAFv2::WebACL", "AWS::WAFv2::WebACLAssociation"
_SECRET = "{{resolve:secretsmanager:"  # noqa: S105 - how a reference to a secret begins

#: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-cache-policies.html
_CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"


def _behaviors(distribution: Resource) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The cache behaviors of a distribution, each with its property."""
    config = distribution.get("DistributionConfig", {})
    if default := config.get("DefaultCacheBehavior"):
        yield "Properties.DistributionConfig.DefaultCacheBehavior", default
    for each in config.get("CacheBehaviors") or ():
        yield "Properties.DistributionConfig.CacheBehaviors", each


def _apis(app: Emitted) -> Iterator[tuple[Resource, Mapping[str, Any], Resource]]:
    """The distributions in front of REST APIs of the app, each with the origin and the API."""
    for distribution in app.of(_DISTRIBUTION):
        for origin in distribution.get("DistributionConfig.Origins") or ():
            name, found, _ = str(origin.get("DomainName", "")).partition(".execute-api.")
            api = app.found(name, _API) if found else None
            if api is not None:
                yield distribution, origin, api


@rule(
    "GENAI_EDGE_ENCRYPTED",
    holds="A distribution answers over HTTPS only.",
    why="A token or a question that is sent without encryption can be read on its way.",
    fix="set ViewerProtocolPolicy to https-only, or to redirect-to-https for a page, as Edge does.",
    page=("https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-https-viewers-to-cloudfront.html"),
)
def encrypted(app: Emitted) -> Iterator[Hit]:
    for distribution in app.of(_DISTRIBUTION):
        for where, behavior in _behaviors(distribution):
            if behavior.get("ViewerProtocolPolicy") not in ("https-only", "redirect-to-https"):
                yield Hit(distribution, f"{where}.ViewerProtocolPolicy")


@rule(
    "GENAI_EDGE_MODERN_TLS",
    holds="A distribution with a certificate of its own accepts TLS 1.2 or later only.",
    why="TLS 1.0 and 1.1 have known weaknesses; with a certificate of your own, CloudFront lets you refuse them.",
    fix="set MinimumProtocolVersion to TLSv1.2_2021 or later and SslSupportMethod to sni-only, as Edge does.",
    page=(
        "https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/"
        "secure-connections-supported-viewer-protocols-ciphers.html"
    ),
)
def modern_tls(app: Emitted) -> Iterator[Hit]:
    for distribution in app.of(_DISTRIBUTION):
        certificate = distribution.get("DistributionConfig.ViewerCertificate") or {}
        own = certificate.get("AcmCertificateArn") or certificate.get("IamCertificateId")
        version = str(certificate.get("MinimumProtocolVersion", ""))
        if own and not version.startswith(("TLSv1.2_", "TLSv1.3_")):
            where = "Properties.DistributionConfig.ViewerCertificate.MinimumProtocolVersion"
            yield Hit(distribution, where, f"The minimum is {version or 'TLSv1'}.")


@rule(
    "GENAI_EDGE_HAS_FIREWALL",
    holds="A distribution has a web ACL.",
    why="Without one, nothing limits how often an address may ask, and models are paid for each question.",
    fix="set WebACLId to the ARN of a web ACL, such as that of EdgeFirewall.",
    page="https://docs.aws.amazon.com/waf/latest/developerguide/cloudfront-features.html",
)
def has_firewall(app: Emitted) -> Iterator[Hit]:
    for distribution in app.of(_DISTRIBUTION):
        if not distribution.get("DistributionConfig.WebACLId"):
            yield Hit(distribution, "Properties.DistributionConfig.WebACLId")


@rule(
    "GENAI_EDGE_CACHES_NO_ANSWER",
    holds="A distribution caches nothing of an API.",
    why="A cache could answer one user with the conversation of another.",
    fix="use the managed policy CachingDisabled for the API's paths, as Edge does.",
    page=(
        "https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/"
        "using-managed-cache-policies.html#managed-cache-policy-caching-disabled"
    ),
)
def caches_no_answer(app: Emitted) -> Iterator[Hit]:
    for distribution, origin, _ in _apis(app):
        for where, behavior in _behaviors(distribution):
            uncached = behavior.get("CachePolicyId") == _CACHING_DISABLED
            if behavior.get("TargetOriginId") == origin.get("Id") and not uncached:
                yield Hit(distribution, f"{where}.CachePolicyId")


@rule(
    "GENAI_ORIGIN_SECRET_REFERENCED",
    holds="What a distribution sends to prove itself is a reference to a secret.",
    why="Everybody who may read the template could go around the distribution.",
    fix="send a dynamic reference to a secret of AWS Secrets Manager, as OriginSecret has it.",
    page="https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references-secretsmanager.html",
)
def secret_referenced(app: Emitted) -> Iterator[Hit]:
    for distribution, origin, _ in _apis(app):
        for header in origin.get("OriginCustomHeaders") or ():
            if not str(header.get("HeaderValue", "")).startswith(_SECRET):
                yield Hit(
                    distribution, "Properties.DistributionConfig.Origins", f"{header.get('HeaderName')} is plain."
                )


@rule(
    "GENAI_API_BEHIND_EDGE",
    holds="An API behind a distribution refuses what does not come through it.",
    why="Whoever calls the API's own address passes by the web ACL of the distribution and its limits.",
    fix="pass an OriginSecret to the Firewall of the API, and the API to Edge, which sends the secret.",
    page="https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/add-origin-custom-headers.html",
)
def behind_edge(app: Emitted) -> Iterator[Hit]:
    protected = {str(each.get("ResourceArn")): each for each in app.of(_ASSOCIATION)}
    for distribution, origin, api in _apis(app):
        sent = {str(each.get("HeaderName")).lower() for each in origin.get("OriginCustomHeaders") or ()}
        if not sent:
            yield Hit(distribution, "Properties.DistributionConfig.Origins", "The distribution sends no secret.")
            continue
        for stage in app.of(_STAGE):
            if app.found(stage.get("RestApiId"), _API) is not api:
                continue
            path = f"/restapis/{stage.get('RestApiId')}/stages/{stage.get('StageName')}"
            association = next((each for arn, each in protected.items() if arn.endswith(path)), None)
            acl = app.found(association.get("WebACLArn"), _ACL) if association else None
            if acl is None:
                yield Hit(stage, "Properties", "The stage has no web ACL of the app.")
            elif not any(_asks_for(each, sent) for each in acl.get("Rules") or ()):
                yield Hit(acl, "Properties.Rules", f"No rule blocks requests without the header {sorted(sent)[0]}.")


def _asks_for(rule: Mapping[str, Any], headers: set[str]) -> bool:
    """Whether a rule blocks every request that does not have one of the headers with a value that it knows."""
    if "Block" not in (rule.get("Action") or {}):
        return False
    matched = pick(rule, "Statement.NotStatement.Statement", {})
    either = pick(matched, "OrStatement.Statements")
    return all(_matches(each, headers) for each in as_list(either or matched))


def _matches(statement: Mapping[str, Any], headers: set[str]) -> bool:
    for kind in ("ByteMatchStatement", "RegexPatternSetReferenceStatement"):
        if kind in statement:
            name = pick(statement[kind], "FieldToMatch.SingleHeader.Name", "")
            exactly = kind != "ByteMatchStatement" or statement[kind].get("PositionalConstraint") == "EXACTLY"
            return str(name).lower() in headers and exactly
    return False
