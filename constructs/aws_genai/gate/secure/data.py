"""Rules for data, users and costs: private versioned buckets, user authentication, and cost allocation tags."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..emitted import Emitted
from ..rules import Hit, rule

_BUCKET, _POOL = "AWS::S3::Bucket", "AWS::Cognito::UserPool"
_BLOCKED = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")

#: The required cost allocation tags.
_TAGS = ("project", "environment", "layer", "owner", "cost-center")
_TAGGED = (
    _BUCKET,
    "AWS::KMS::Key",
    "AWS::Lambda::Function",
    "AWS::SageMaker::Endpoint",
    "AWS::SageMaker::EndpointConfig",
    "AWS::SageMaker::Model",
    "AWS::Bedrock::Guardrail",
    "AWS::EC2::VPC",
    "AWS::EC2::VPCEndpoint",
    "AWS::Logs::LogGroup",
    "AWS::SNS::Topic",
    "AWS::ApiGateway::RestApi",
    "AWS::ApiGateway::Stage",
    "AWS::CloudTrail::Trail",
    "AWS::WAFv2::WebACL",
)


@rule(
    "GENAI_NO_PUBLIC_WEIGHTS",
    holds="No bucket can be made public.",
    why="A single mistake could publish weights and training data.",
    fix="block all four kinds of public access, as SecureBucket does.",
    page="https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html",
)
def private(app: Emitted) -> Iterator[Hit]:
    for bucket in app.of(_BUCKET):
        blocked = bucket.get("PublicAccessBlockConfiguration", {})
        if any(blocked.get(each) is not True for each in _BLOCKED):
            yield Hit(bucket, "Properties.PublicAccessBlockConfiguration")


@rule(
    "GENAI_DATA_VERSIONED",
    holds="Every bucket has versioning enabled.",
    why="Without versioning, poisoned training data or weights could replace the reviewed ones without a trace.",
    fix="set VersioningConfiguration to Enabled, as SecureBucket does.",
    page="https://docs.aws.amazon.com/AmazonS3/latest/userguide/Versioning.html",
)
def versioned(app: Emitted) -> Iterator[Hit]:
    for bucket in app.of(_BUCKET):
        if bucket.get("VersioningConfiguration.Status") != "Enabled":
            yield Hit(bucket, "Properties.VersioningConfiguration")


@rule(
    "GENAI_QUERIES_BOUNDED",
    holds="Every Athena workgroup bounds what a query reads, and no query can change where its result goes.",
    why="Without a cut-off, one query of a model reads a whole data lake; without enforced settings, it chooses where "
    "its result is written, and whether it is encrypted.",
    fix="set EnforceWorkGroupConfiguration, BytesScannedCutoffPerQuery and a customer managed key, as InsightTools "
    "does.",
    page="https://docs.aws.amazon.com/athena/latest/ug/workgroups-settings-override.html",
)
def bounded(app: Emitted) -> Iterator[Hit]:
    for group in app.of("AWS::Athena::WorkGroup"):
        settings = "WorkGroupConfiguration"
        encryption = f"{settings}.ResultConfiguration.EncryptionConfiguration"
        if group.get(f"{settings}.EnforceWorkGroupConfiguration") is False:
            yield Hit(group, f"Properties.{settings}.EnforceWorkGroupConfiguration")
        elif not group.get(f"{settings}.BytesScannedCutoffPerQuery"):
            yield Hit(group, f"Properties.{settings}.BytesScannedCutoffPerQuery")
        elif not group.get(f"{encryption}.KmsKey"):
            yield Hit(group, f"Properties.{encryption}")


@rule(
    "GENAI_COST_TAGS",
    holds="Resources that cost money have the cost allocation tags.",
    why="The cost of a resource without the tags cannot be allocated.",
    fix="apply CostTags to the stack.",
    page="https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/cost-alloc-tags.html",
)
def tagged(app: Emitted) -> Iterator[Hit]:
    for each in app.of(*_TAGGED):
        tags = each.get("Tags") or []
        keys = set(tags) if isinstance(tags, Mapping) else {tag.get("Key") for tag in tags}
        if missing := [tag for tag in _TAGS if tag not in keys]:
            yield Hit(each, "Properties.Tags", f"The tag {missing[0]} is missing.")


@rule(
    "GENAI_SIGN_IN_HAS_MFA",
    holds="A user pool has MFA required or optional.",
    why="Without MFA, a stolen password gives access to all conversations of its user.",
    fix="set MfaConfiguration to ON, as Identity does.",
    page="https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-mfa.html",
)
def second_factor(app: Emitted) -> Iterator[Hit]:
    for pool in app.of(_POOL):
        if pool.get("MfaConfiguration") not in ("ON", "OPTIONAL"):
            yield Hit(pool, "Properties.MfaConfiguration")


@rule(
    "GENAI_SIGN_IN_NEEDS_MFA",
    holds="A user pool requires MFA.",
    why="Users can skip optional MFA, so it does not protect everyone.",
    fix="set MfaConfiguration to ON, as Identity does.",
    page="https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-mfa.html",
)
def second_factor_required(app: Emitted) -> Iterator[Hit]:
    for pool in app.of(_POOL):
        if pool.get("MfaConfiguration") == "OPTIONAL":
            yield Hit(pool, "Properties.MfaConfiguration")
