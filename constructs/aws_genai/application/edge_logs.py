"""The access logs of a CloudFront distribution."""

from __future__ import annotations

from aws_cdk import Stack, aws_logs as logs
from constructs import Construct

from ..foundation.naming import lasting
from .firewall import check_edge_region

#: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutDeliverySource.html
_LONGEST = 60
#: Without queries, cookies and referers, which may hold codes of sign-ins.
#: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/standard-logs-reference.html
FIELDS = (
    "date",
    "time",
    "x-edge-location",
    "sc-bytes",
    "c-ip",
    "cs-method",
    "cs(Host)",
    "cs-uri-stem",
    "sc-status",
    "cs(User-Agent)",
    "x-edge-result-type",
    "x-edge-request-id",
    "x-host-header",
    "cs-protocol",
    "cs-bytes",
    "time-taken",
    "ssl-protocol",
    "ssl-cipher",
    "x-edge-response-result-type",
    "cs-protocol-version",
    "time-to-first-byte",
    "x-edge-detailed-result-type",
    "sc-content-type",
)


class EdgeLogs(Construct):
    """Delivers the access logs of a CloudFront distribution to an S3 bucket: standard logging, version 2.

    Version 1 writes with access control lists, which no bucket of this library allows. The delivery is in us-east-1,
    the bucket in any Region. https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/standard-logging.html

    Example::

        import aws_cdk as cdk
        from aws_genai.application import EdgeLogs
        from aws_genai.foundation import CostTags, Foundation, SecureBucket
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Edge", env=cdk.Environment(region="us-east-1"))
        foundation = Foundation(stack)
        SecureBucket(stack, "Page", foundation=foundation)
        bucket = foundation.access_logs
        bucket.allow_deliveries("us-east-1")
        EdgeLogs(
            stack,
            "Logs",
            name="assistant",
            distribution_arn="arn:aws:cloudfront::111122223333:distribution/E1EXAMPLE",
            bucket_arn=bucket.bucket_arn,
        )
        app.synth()

    :param name: prefix of the names of the delivery source and destination, of letters, digits, hyphens and
        underscores.
    :param distribution_arn: ARN of the distribution, which can have one delivery source.
    :param bucket_arn: ARN of the bucket, whose policy allows the delivery.
    :raises InvalidValueError: if the stack is not in us-east-1.
    """

    def __init__(self, scope: Construct, id: str, *, name: str, distribution_arn: str, bucket_arn: str) -> None:
        super().__init__(scope, id)
        check_edge_region(Stack.of(self).region)
        source = logs.CfnDeliverySource(
            self,
            "Source",
            name=lasting(self, name, distribution_arn, longest=_LONGEST),
            resource_arn=distribution_arn,
            log_type="ACCESS_LOGS",
        )
        destination = logs.CfnDeliveryDestination(
            self,
            "Destination",
            name=lasting(self, name, bucket_arn, longest=_LONGEST),
            destination_resource_arn=bucket_arn,
            output_format="json",
        )
        self.delivery = logs.CfnDelivery(
            self,
            "Resource",
            delivery_source_name=source.ref,
            delivery_destination_arn=destination.attr_arn,
            record_fields=list(FIELDS),
        )
