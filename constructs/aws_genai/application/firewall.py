"""What is stopped before it reaches an application."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aws_cdk import RemovalPolicy, aws_logs as logs, aws_wafv2 as wafv2
from constructs import Construct

from ..foundation.key import DataKey
from ..foundation.naming import of_this_stack
from ..foundation.pseudo import ACCOUNT_ID, PARTITION, REGION

MANAGED_RULES = ("AWSManagedRulesCommonRuleSet", "AWSManagedRulesKnownBadInputsRuleSet")


class Firewall(Construct):
    """An AWS WAF web ACL with AWS's managed rules and a rate limit per address.

    https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-list.html

    Example::

        import aws_cdk as cdk
        from aws_genai.application import Firewall
        from aws_genai.foundation import CostTags, DataKey
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Firewall")
        key = DataKey(stack, "Key", description="Logs")
        key.allow_logs()
        Firewall(stack, "Firewall", name="assistant", key=key)
        app.synth()

    :param name: name of the web ACL and its log group, 1 to 128 letters, digits, hyphens and underscores.
    :param key: encrypts the logs.
    :param requests_per_five_minutes: most requests of one address in five minutes, at least 10. Default: 300.
    :param managed_rules: names of AWS's managed rule groups, a dollar a month each. Default: :data:`MANAGED_RULES`.
    :param log_days: days that logs are kept. Default: 365.
    :param removal_policy: what happens to the logs on deletion of the stack. Default: retain.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        name: str,
        key: DataKey,
        requests_per_five_minutes: int = 300,
        managed_rules: Sequence[str] = MANAGED_RULES,
        log_days: int = 365,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    ) -> None:
        super().__init__(scope, id)
        rules: list[wafv2.CfnWebACL.RuleProperty | dict[str, Any]] = [
            {
                "name": group,
                "priority": priority,
                "overrideAction": {"none": {}},
                "statement": {"managedRuleGroupStatement": _managed(group)},
                "visibilityConfig": _visible(group),
            }
            for priority, group in enumerate(managed_rules)
        ]
        rules.append(
            {
                "name": "RateLimit",
                "priority": len(managed_rules),
                "action": {"block": {}},
                "statement": {"rateBasedStatement": {"limit": requests_per_five_minutes, "aggregateKeyType": "IP"}},
                "visibilityConfig": _visible("RateLimit"),
            }
        )
        acl = wafv2.CfnWebACL(
            self,
            "Resource",
            name=name,
            scope="REGIONAL",
            default_action={"allow": {}},
            rules=rules,
            visibility_config=_visible(name),
        )
        self.acl_arn: str = acl.attr_arn
        # WAF delivers only to log groups whose name begins so:
        # https://docs.aws.amazon.com/waf/latest/developerguide/logging-cw-logs.html
        group_name = of_this_stack(f"aws-waf-logs-{name}")
        key.allow_logs()
        group = logs.CfnLogGroup(
            self,
            "Logs",
            log_group_name=group_name,
            kms_key_id=key.key_arn,
            retention_in_days=log_days,
        )
        group.apply_removal_policy(removal_policy)
        logging = wafv2.CfnLoggingConfiguration(
            self,
            "Logging",
            resource_arn=self.acl_arn,
            log_destination_configs=[f"arn:{PARTITION}:logs:{REGION}:{ACCOUNT_ID}:log-group:{group_name}"],
            redacted_fields=[{"singleHeader": {"Name": "authorization"}}],
        )
        logging.add_resource_dependency(group)

    def protect(self, scope: Construct, id: str, resource_arn: str) -> wafv2.CfnWebACLAssociation:
        """Put the stage or load balancer of that ARN behind the firewall."""
        return wafv2.CfnWebACLAssociation(scope, id, resource_arn=resource_arn, web_acl_arn=self.acl_arn)


def _managed(group: str) -> dict[str, object]:
    """A rule group of AWS, counting instead of blocking where a conversation is no attack.

    The common rules block bodies over 8 KB, which a long conversation has; the API's own schema bounds it.
    https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-baseline.html
    """
    statement: dict[str, object] = {"vendorName": "AWS", "name": group}
    if group == "AWSManagedRulesCommonRuleSet":
        statement["ruleActionOverrides"] = [{"name": "SizeRestrictions_BODY", "actionToUse": {"count": {}}}]
    return statement


def _visible(name: str) -> dict[str, object]:
    return {"cloudWatchMetricsEnabled": True, "sampledRequestsEnabled": True, "metricName": name}
