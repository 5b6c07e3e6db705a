"""What is blocked before it reaches an application."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aws_cdk import Duration, Stack, aws_cloudwatch as cloudwatch, aws_logs as logs, aws_wafv2 as wafv2
from constructs import Construct

from ..foundation.foundation import Foundation
from ..foundation.naming import of_this_stack
from ..foundation.pseudo import ACCOUNT_ID, PARTITION, REGION
from .options import FirewallOptions


class Firewall(Construct):
    """An AWS WAF web ACL with AWS managed rules, a rate limit per IP address, and optionally a list of allowed ranges.

    https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-list.html

    Example::

        import aws_cdk as cdk
        from aws_genai.application import Firewall
        from aws_genai.foundation import CostTags, Foundation
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Firewall")
        foundation = Foundation(stack)
        Firewall(stack, "Firewall", name="assistant", foundation=foundation)
        app.synth()

    Rules that allow a request end its evaluation, so the addresses that are not allowed are blocked first, and the
    other rules apply to those that are. https://docs.aws.amazon.com/waf/latest/developerguide/web-acl-rule-actions.html

    :param foundation: key, and retention of the log.
    :param name: name of the web ACL and its log group, 1 to 128 letters, digits, hyphens and underscores.
    :param options: rate limit, managed rules, and allowed address ranges. Default: 300 requests in five minutes, and
        any address.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        foundation: Foundation,
        name: str,
        options: FirewallOptions | None = None,
    ) -> None:
        super().__init__(scope, id)
        self.options = options = options or FirewallOptions()
        self.name = name
        key, log_days, removal_policy = foundation.key, foundation.log_days, foundation.removal_policy
        rules: list[Any] = []
        if options.allowed_addresses:
            rules.append(_rule("AllowedAddresses", self._others(options.allowed_addresses)))
        rules += [
            {
                "name": group,
                "overrideAction": {"none": {}},
                "statement": {"managedRuleGroupStatement": _managed(group)},
                "visibilityConfig": _visible(group),
            }
            for group in options.firewall_rules
        ]
        limit = {"rateBasedStatement": {"limit": options.requests_per_address, "aggregateKeyType": "IP"}}
        rules.append(_rule("RateLimit", limit))
        rules = [{**rule, "priority": priority} for priority, rule in enumerate(rules)]
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
        # The name of a log group of WAF must begin with aws-waf-logs-:
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

    def metric_blocked_requests(self, *, statistic: str = "Sum", period: Duration | None = None) -> cloudwatch.Metric:
        """Number of requests that the web ACL blocked. Default: Sum over 5 minutes.

        https://docs.aws.amazon.com/waf/latest/developerguide/waf-metrics.html
        """
        return cloudwatch.Metric(
            namespace="AWS/WAFV2",
            metric_name="BlockedRequests",
            dimensions_map={"WebACL": self.name, "Region": Stack.of(self).region, "Rule": "ALL"},
            statistic=statistic,
            period=period,
        )

    def _others(self, allowed: Sequence[str]) -> dict[str, Any]:
        """The addresses outside of ``allowed``. An IP set holds addresses of one version."""
        sets = {
            version: [each for each in allowed if (":" in each) == (version == "IPV6")] for version in ("IPV4", "IPV6")
        }
        within = [
            {
                "ipSetReferenceStatement": {
                    "arn": wafv2.CfnIPSet(
                        self,
                        f"Allowed{version.title()}",
                        addresses=addresses,
                        ip_address_version=version,
                        scope="REGIONAL",
                    ).attr_arn
                }
            }
            for version, addresses in sets.items()
            if addresses
        ]
        return {
            "notStatement": {"statement": within[0] if len(within) == 1 else {"orStatement": {"statements": within}}}
        }

    def protect(self, scope: Construct, id: str, resource_arn: str) -> wafv2.CfnWebACLAssociation:
        """Associate the web ACL with the stage or load balancer of that ARN."""
        return wafv2.CfnWebACLAssociation(scope, id, resource_arn=resource_arn, web_acl_arn=self.acl_arn)


def _rule(name: str, statement: dict[str, Any]) -> dict[str, Any]:
    """A rule that blocks what its statement matches."""
    return {"name": name, "action": {"block": {}}, "statement": statement, "visibilityConfig": _visible(name)}


def _managed(group: str) -> dict[str, object]:
    """An AWS managed rule group. Its limit on the size of bodies, 8 KB, only counts.

    A long conversation is larger; the API's own schema limits it.
    https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-baseline.html
    """
    statement: dict[str, object] = {"vendorName": "AWS", "name": group}
    if group == "AWSManagedRulesCommonRuleSet":
        statement["ruleActionOverrides"] = [{"name": "SizeRestrictions_BODY", "actionToUse": {"count": {}}}]
    return statement


def _visible(name: str) -> dict[str, object]:
    return {"cloudWatchMetricsEnabled": True, "sampledRequestsEnabled": True, "metricName": name}
