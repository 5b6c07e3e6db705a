"""API Gateway's permission to write logs."""

from __future__ import annotations

from aws_cdk import RemovalPolicy, Stack, aws_apigateway as apigateway, aws_iam as iam

from ..gate.acknowledgement import acknowledge


def api_gateway_logging(stack: Stack) -> apigateway.CfnAccount:
    """The role under which API Gateway writes logs, set once for the account and Region.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html
    """
    existing = stack.node.try_find_child("ApiGatewayAccount")
    if isinstance(existing, apigateway.CfnAccount):
        return existing
    role = iam.Role(
        stack,
        "ApiGatewayLogging",
        # API Gateway assumes the role to test it, and no page says that it sends aws:SourceAccount.
        assumed_by=iam.ServicePrincipal("apigateway.amazonaws.com"),
        managed_policies=[
            iam.ManagedPolicy.from_aws_managed_policy_name("service-role/AmazonAPIGatewayPushToCloudWatchLogs")
        ],
    )
    account = apigateway.CfnAccount(stack, "ApiGatewayAccount", cloud_watch_role_arn=role.role_arn)
    # The setting is retained with the stack gone: other APIs of the account use it for their logs.
    account.apply_removal_policy(RemovalPolicy.RETAIN)
    role.apply_removal_policy(RemovalPolicy.RETAIN)
    acknowledge(
        role,
        ("AwsSolutions-IAM4",),
        finding="Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs",
        reason="API Gateway checks this account-wide role for this very policy, which AWS maintains for the purpose.",
        met_by="the trust policy, which admits API Gateway only; roles are passed within their account",
    )
    return account
