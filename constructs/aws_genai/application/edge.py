"""CloudFront in front of an API and its page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from aws_cdk import (
    CfnOutput,
    Duration,
    Stack,
    aws_cloudfront as cloudfront,
    aws_cloudwatch as cloudwatch,
    aws_route53 as route53,
)
from constructs import Construct

from ..errors import InvalidValueError
from ..foundation.bucket import SecureBucket
from ..foundation.foundation import Foundation
from ..foundation.pseudo import ACCOUNT_ID, PARTITION, REGION, URL_SUFFIX
from ..foundation.statements import allow, service
from ..gate.acknowledgement import acknowledge
from .chat_api import STAGE
from .edge_logs import EdgeLogs
from .options import EDGE_NAME, EDGE_REGION, EdgeDomain, EdgeOptions

if TYPE_CHECKING:
    from .chat_api import ChatApi

#: AWS's managed policies have the same ids in every account.
#: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-cache-policies.html
_CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
_CACHING_OPTIMIZED = "658327ea-f89d-4fab-a63d-7e88639e58f6"
#: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-origin-request-policies.html
_ALL_VIEWER_EXCEPT_HOST = "b689b0a8-53d0-40ab-baf2-68738e2966ac"
#: The hosted zone of every distribution:
#: https://docs.aws.amazon.com/Route53/latest/APIReference/API_AliasTarget.html
_CLOUDFRONT_ZONE = "Z2FDTNDATAQYW2"
_METHODS = ("GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE")
_YEAR_SECONDS = 31_536_000
#: Of at most 120 seconds that CloudFront waits for the next packet. A stream sends a ping every 15 seconds, and another
#: response of the API takes 29 seconds at most.
#: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/DownloadDistValuesOrigin.html
_RESPONSE_SECONDS = 60


class Edge(Construct):
    """A CloudFront distribution as the one origin of an API and its page, so that no CORS is needed.

    ``/v1/*`` is the API, which caches nothing and streams; everything else is a private bucket that only this
    distribution reads. The bucket is empty until a page is deployed: it answers 403, as Amazon S3 answers everybody who
    may not list a bucket. The API accepts only what this distribution sends (:class:`OriginSecret`).
    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-s3.html

    Example::

        import aws_cdk as cdk
        from aws_genai.application import ChatApi, Edge, EdgeFirewall, Firewall, Identity, OriginSecret
        from aws_genai.foundation import CostTags, Foundation
        from aws_genai.gate import attach_gate
        from aws_genai.models import Guardrail, ModelAccess, ModelAccessOptions

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Chat", env=cdk.Environment(region="us-east-1"))
        foundation = Foundation(stack)
        guardrail = Guardrail(stack, "Guardrail", name="assistant", foundation=foundation)
        secret = OriginSecret(stack, "OriginSecret", foundation=foundation)
        api = ChatApi(
            stack,
            "Chat",
            foundation=foundation,
            name="assistant",
            access=ModelAccess(
                stack,
                "Access",
                guardrail=guardrail,
                options=ModelAccessOptions(models=["amazon.nova-lite-v1:0"]),
            ),
            identity=Identity(stack, "Users", foundation=foundation, pool_name="assistant"),
            firewall=Firewall(stack, "Firewall", foundation=foundation, name="assistant", origin=secret),
        )
        firewall = EdgeFirewall(stack, "EdgeFirewall", foundation=foundation, name="assistant-edge")
        Edge(stack, "Edge", foundation=foundation, name="assistant", api=api, firewall_arn=firewall.acl_arn)
        app.synth()

    :param foundation: key of the page, bucket of the access logs, and removal policy.
    :param name: name of the distribution's policies, of letters, digits, hyphens and underscores.
    :param api: the API. Its web ACL has the secret that the distribution sends.
    :param firewall_arn: ARN of the web ACL, of scope CLOUDFRONT.
    :param options: domain name, countries, and the rotation of the secret. Default: a name of cloudfront.net, and any
        country.
    :param connects: origins besides this one that the page may call, such as the domain where users sign in. Default:
        none.
    :raises InvalidValueError: if the API does not ask for the secret, is private, or has a domain name of its own.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        foundation: Foundation,
        name: str,
        api: ChatApi,
        firewall_arn: str,
        options: EdgeOptions | None = None,
        connects: Sequence[str] = (),
    ) -> None:
        super().__init__(scope, id)
        EDGE_NAME.check(name)
        self.name = name
        self.options = options = options or EdgeOptions()
        if api.firewall.origin is None:
            raise InvalidValueError(
                "The API does not ask for the secret that CloudFront sends, so anybody can go around CloudFront",
                field="api",
                hint="Pass an OriginSecret to its Firewall as origin=",
            )
        api.options.check_edge()
        secret = api.firewall.origin
        self.page = SecureBucket(self, "Page", foundation=foundation)
        foundation.key.allow_cloudfront()
        headers = cloudfront.CfnResponseHeadersPolicy(
            self, "Headers", response_headers_policy_config=_headers(f"{name}-{REGION}", connects)
        )
        access = cloudfront.CfnOriginAccessControl(
            self,
            "PageAccess",
            origin_access_control_config={
                "name": f"{name}-{REGION}",
                "originAccessControlOriginType": "s3",
                "signingBehavior": "always",
                "signingProtocol": "sigv4",
            },
        )
        domain = options.domain
        self.resource = cloudfront.CfnDistribution(
            self,
            "Resource",
            distribution_config={
                "enabled": True,
                "comment": name,
                "httpVersion": "http2and3",
                "ipv6Enabled": True,
                "webAclId": firewall_arn,
                "defaultRootObject": "index.html",
                **({"aliases": [domain.name]} if domain else {}),
                "viewerCertificate": _certificate(domain),
                "restrictions": {"geoRestriction": _countries(options.countries)},
                "origins": [
                    {
                        "id": "api",
                        "domainName": f"{api.api_id}.execute-api.{REGION}.{URL_SUFFIX}",
                        "customOriginConfig": {
                            "httpPort": 80,
                            "httpsPort": 443,
                            "originProtocolPolicy": "https-only",
                            "originSslProtocols": ["TLSv1.2"],
                            "originReadTimeout": _RESPONSE_SECONDS,
                        },
                        "originCustomHeaders": [{"headerName": secret.header, "headerValue": secret.value}],
                    },
                    {
                        "id": "page",
                        "domainName": self.page.resource.attr_regional_domain_name,
                        "originAccessControlId": access.attr_id,
                        # Required, and empty with an origin access control.
                        "s3OriginConfig": {"originAccessIdentity": ""},
                    },
                ],
                "defaultCacheBehavior": {
                    "targetOriginId": "page",
                    "viewerProtocolPolicy": "redirect-to-https",
                    "allowedMethods": ["GET", "HEAD"],
                    "cachePolicyId": _CACHING_OPTIMIZED,
                    "responseHeadersPolicyId": headers.attr_id,
                    "compress": True,
                },
                "cacheBehaviors": [
                    {
                        "pathPattern": f"/{STAGE}/*",
                        "targetOriginId": "api",
                        # A redirect would let clients go on sending tokens without encryption first.
                        "viewerProtocolPolicy": "https-only",
                        "allowedMethods": list(_METHODS),
                        "cachePolicyId": _CACHING_DISABLED,
                        "originRequestPolicyId": _ALL_VIEWER_EXCEPT_HOST,
                        "responseHeadersPolicyId": headers.attr_id,
                        # CloudFront would collect a response to compress it.
                        "compress": False,
                    }
                ],
            },
        )
        self.distribution_id: str = self.resource.ref
        self.distribution_arn = f"arn:{PARTITION}:cloudfront::{ACCOUNT_ID}:distribution/{self.distribution_id}"
        self.page.add_statements(
            allow(
                ["s3:GetObject"],
                [f"{self.page.bucket_arn}/*"],
                sid="Distribution",
                principal=service("cloudfront.amazonaws.com"),
                conditions={"StringEquals": {"aws:SourceArn": self.distribution_arn}},
            )
        )
        self.logs_bucket = foundation.access_logs
        self.logs_bucket.allow_deliveries(EDGE_REGION)
        self.logs: EdgeLogs | None = None
        if Stack.of(self).region == EDGE_REGION:
            self.logs = self.deliver_logs(self, "Logs")
            self.logs.delivery.add_resource_dependency(self.logs_bucket.policy_resource)
        secret.rotate(self.distribution_id, after=self.resource)
        self.url = f"https://{domain.name if domain else self.resource.attr_domain_name}"
        api.publish(self.url)
        if domain and domain.hosted_zone_id:
            self._records(domain, domain.hosted_zone_id)
        _acknowledge(self.resource, options)
        CfnOutput(self, "Url", value=self.url, description="The page, and under /v1 the API")
        CfnOutput(
            self,
            "DomainName",
            value=self.resource.attr_domain_name,
            description="Name of the distribution, the target of DNS records of another name",
        )
        CfnOutput(self, "DistributionId", value=self.distribution_id, description="Id of the distribution")
        CfnOutput(self, "PageBucket", value=self.page.bucket_name, description="The bucket of the page")

    def deliver_logs(self, scope: Construct, id: str) -> EdgeLogs:
        """Deliver the access logs. A distribution whose stack is in us-east-1 does so itself.

        :param scope: a construct of a stack in us-east-1.
        :raises InvalidValueError: if ``scope`` is not in us-east-1.
        """
        return EdgeLogs(
            scope,
            id,
            name=self.name,
            distribution_arn=self.distribution_arn,
            bucket_arn=self.logs_bucket.bucket_arn,
        )

    def metric_requests(self, *, statistic: str = "Sum", period: Duration | None = None) -> cloudwatch.Metric:
        """Number of requests. Default: Sum over 5 minutes.

        https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/programming-cloudwatch-metrics.html
        """
        return self._metric("Requests", statistic, period)

    def metric_client_error_rate(
        self, *, statistic: str = "Average", period: Duration | None = None
    ) -> cloudwatch.Metric:
        """Percentage of responses with a 4xx status. Default: Average over 5 minutes."""
        return self._metric("4xxErrorRate", statistic, period)

    def metric_server_error_rate(
        self, *, statistic: str = "Average", period: Duration | None = None
    ) -> cloudwatch.Metric:
        """Percentage of responses with a 5xx status. Default: Average over 5 minutes."""
        return self._metric("5xxErrorRate", statistic, period)

    def _metric(self, name: str, statistic: str, period: Duration | None) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace="AWS/CloudFront",
            metric_name=name,
            dimensions_map={"DistributionId": self.distribution_id, "Region": "Global"},
            region=EDGE_REGION,
            statistic=statistic,
            period=period,
        )

    def _records(self, domain: EdgeDomain, zone: str) -> None:
        """https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/routing-to-cloudfront-distribution.html"""
        for kind in ("A", "AAAA"):
            route53.CfnRecordSet(
                self,
                f"Record{kind}",
                hosted_zone_id=zone,
                name=domain.name,
                type=kind,
                alias_target={"dnsName": self.resource.attr_domain_name, "hostedZoneId": _CLOUDFRONT_ZONE},
            )


def _certificate(domain: EdgeDomain | None) -> dict[str, Any]:
    """https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/DownloadDistValuesGeneral.html"""
    if domain is None:
        return {"cloudFrontDefaultCertificate": True}
    return {
        "acmCertificateArn": domain.certificate_arn,
        "sslSupportMethod": "sni-only",
        "minimumProtocolVersion": domain.security_policy,
    }


def _countries(allowed: Sequence[str]) -> dict[str, Any]:
    return {"restrictionType": "whitelist", "locations": list(allowed)} if allowed else {"restrictionType": "none"}


def _headers(name: str, connects: Sequence[str]) -> dict[str, Any]:
    """Security headers of every response.

    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/understanding-response-headers-policies.html
    """
    sources = " ".join(["'self'", *connects])
    policy = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "font-src": "'self'",
        "connect-src": sources,
        "manifest-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
    }
    security: dict[str, dict[str, Any]] = {
        "contentSecurityPolicy": {
            "contentSecurityPolicy": "; ".join(f"{name} {value}" for name, value in policy.items())
        },
        "contentTypeOptions": {},
        "frameOptions": {"frameOption": "DENY"},
        "referrerPolicy": {"referrerPolicy": "no-referrer"},
        "strictTransportSecurity": {
            "accessControlMaxAgeSec": _YEAR_SECONDS,
            "includeSubdomains": True,
            "preload": False,
        },
    }
    custom = {
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    }
    return {
        "name": name,
        "securityHeadersConfig": {header: {**value, "override": True} for header, value in security.items()},
        "customHeadersConfig": {
            "items": [{"header": header, "value": value, "override": True} for header, value in custom.items()]
        },
    }


def _acknowledge(distribution: cloudfront.CfnDistribution, options: EdgeOptions) -> None:
    acknowledge(
        distribution,
        "AwsSolutions-CFR3",
        reason="The rule knows version 1 of CloudFront's access logs only, which needs a bucket with access control "
        "lists; this distribution has version 2.",
        met_by="the delivery of access logs to the bucket of access logs (EdgeLogs)",
    )
    if not options.countries:
        acknowledge(
            distribution,
            "AwsSolutions-CFR1",
            reason="The settings name no countries: users may travel, and only signed-in users get an answer.",
            met_by="the authorizer of the API and the web ACL of the distribution",
        )
    if options.domain is None:
        acknowledge(
            distribution,
            "AwsSolutions-CFR4",
            reason="CloudFront lets nobody set the minimum TLS version of a name of cloudfront.net; a domain name of "
            "your own sets it.",
            met_by="redirects to HTTPS, Strict-Transport-Security, and TLS 1.2 to the API",
        )
