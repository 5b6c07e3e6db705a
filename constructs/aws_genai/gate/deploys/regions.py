"""Rules for the availability of services and features in the Region of a stack."""

from __future__ import annotations

from collections.abc import Iterator

from ...data.accelerators import AcceleratorCatalogue
from ...data.regional import regions_without
from ...errors import InvalidValueError
from ..emitted import Emitted
from ..rules import Hit, rule
from ..secure.instances import instance_types

#: The Region of what CloudFront uses.
_EDGE = "us-east-1"


@rule(
    "GENAI_TYPE_IN_REGION",
    holds="CloudFormation supports each resource type in the Region of the stack.",
    why="CloudFormation rejects a template with a type that the Region does not support.",
    fix="remove the feature in this Region, or deploy the stack to a Region that supports the type.",
    page="https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/registry.html",
)
def types_in_region(app: Emitted) -> Iterator[Hit]:
    for each in app.resources:
        if each.stack.region in regions_without(each.type):
            yield Hit(each, "Type", f"{each.stack.region} has no {each.type}.")


@rule(
    "GENAI_INSTANCE_IN_REGION",
    holds="Accelerated instance types are offered in the stack's Region.",
    why="EC2, Batch and SageMaker reject an instance type that the Region does not offer.",
    fix="choose a type that the Region has: AcceleratorCatalogue.choose or make choose REGION=<Region> names some.",
    page="https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-instance-regions.html",
)
def instances_in_region(app: Emitted) -> Iterator[Hit]:
    catalogue = AcceleratorCatalogue.default()
    for each, where, name in instance_types(app):
        bare = name.removeprefix("ml.")
        if bare in catalogue:
            try:
                catalogue.check_region(bare, each.stack.region)
            except InvalidValueError as error:
                yield Hit(each, f"Properties.{where}", f"{error}.")


#: Types of AWS WAF with a scope.
_SCOPED = ("AWS::WAFv2::IPSet", "AWS::WAFv2::RegexPatternSet", "AWS::WAFv2::RuleGroup", "AWS::WAFv2::WebACL")


@rule(
    "GENAI_EDGE_IN_ITS_REGION",
    holds="What CloudFront uses of AWS WAF, certificates and log deliveries is in us-east-1.",
    why="AWS refuses it in every other Region, and a distribution refuses web ACLs that are not of scope CLOUDFRONT.",
    fix="add it to a stack in us-east-1, as EdgeFirewall and EdgeLogs ask for.",
    page="https://docs.aws.amazon.com/waf/latest/developerguide/how-aws-waf-works-resources.html",
)
def edge_in_its_region(app: Emitted) -> Iterator[Hit]:
    for each in app.of(*_SCOPED):
        if each.get("Scope") == "CLOUDFRONT" and each.stack.region != _EDGE:
            yield Hit(each, "Properties.Scope", f"The stack is in {each.stack.region}.")
    for each in app.of("AWS::Logs::DeliverySource"):
        if ":cloudfront:" in str(each.get("ResourceArn")) and each.stack.region != _EDGE:
            yield Hit(each, "Properties.ResourceArn", f"The stack is in {each.stack.region}.")
    for each in app.of("AWS::CloudFront::Distribution"):
        certificate = str(each.get("DistributionConfig.ViewerCertificate.AcmCertificateArn", ""))
        if certificate.startswith("arn:") and certificate.split(":")[3] != _EDGE:
            where = "Properties.DistributionConfig.ViewerCertificate.AcmCertificateArn"
            yield Hit(each, where, f"The certificate is in {certificate.split(':')[3]}.")
        acl = app.found(each.get("DistributionConfig.WebACLId"), "AWS::WAFv2::WebACL")
        if acl is not None and acl.get("Scope") != "CLOUDFRONT":
            yield Hit(each, "Properties.DistributionConfig.WebACLId", f"{acl.id} is of scope {acl.get('Scope')}.")
