"""Refusing requests in the clear."""

from __future__ import annotations

from aws_cdk import aws_iam as iam


def tls_only(action: str, *resources: str) -> iam.PolicyStatement:
    """A statement of a resource policy that denies every request without TLS.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/security-best-practices.html
    """
    return iam.PolicyStatement(
        sid="TlsOnly",
        effect=iam.Effect.DENY,
        principals=[iam.AnyPrincipal()],
        actions=[action],
        resources=list(resources),
        conditions={"Bool": {"aws:SecureTransport": "false"}},
    )
