"""What is blocked before it reaches an application."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from aws_cdk import Duration, Stack, Token, aws_cloudwatch as cloudwatch, aws_logs as logs, aws_wafv2 as wafv2
from constructs import Construct

from ..errors import InvalidValueError
from ..foundation.foundation import Foundation
from ..foundation.naming import of_this_stack
from ..foundation.pseudo import ACCOUNT_ID, PARTITION, REGION
from .options import EDGE_REGION, WEB_ACL_NAME, EdgeOptions, FirewallOptions

if TYPE_CHECKING:
    from .origin_secret import OriginSecret


class _WebAcl(Construct):
    """A web ACL that allows what none of its rules blocks, and its log."""

    _scope: ClassVar[Literal["REGIONAL", "CLOUDFRONT"]]

    def _create(
        self,
        rules: Sequence[dict[str, Any]],
        *,
        foundation: Foundation,
        name: str,
        redacted: Sequence[str] = (),
        sampled: bool = True,
    ) -> None:
        """Create the web ACL.

        :param redacted: names of headers whose values are left out of the log, besides authorization. Default: none.
        :param sampled: whether the console shows samples of requests, with their headers. Default: yes.
        """
        WEB_ACL_NAME.check(name)
        self.name = name
        key, log_days, removal_policy = foundation.key, foundation.log_days, foundation.removal_policy
        acl = wafv2.CfnWebACL(
            self,
            "Resource",
            name=name,
            scope=self._scope,
            default_action={"allow": {}},
            rules=[{**rule, "priority": priority} for priority, rule in enumerate(rules)],
            visibility_config=_visible(name, sampled=sampled),
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
            redacted_fields=[{"singleHeader": {"Name": header}} for header in ("authorization", *redacted)],
        )
        logging.add_resource_dependency(group)

    @property
    def _dimensions(self) -> dict[str, str]:
        return {"WebACL": self.name, "Rule": "ALL"}

    def metric_blocked_requests(self, *, statistic: str = "Sum", period: Duration | None = None) -> cloudwatch.Metric:
        """Number of requests that the web ACL blocked. Default: Sum over 5 minutes.

        https://docs.aws.amazon.com/waf/latest/developerguide/waf-metrics.html
        """
        return cloudwatch.Metric(
            namespace="AWS/WAFV2",
            metric_name="BlockedRequests",
            dimensions_map=self._dimensions,
            region=EDGE_REGION if self._scope == "CLOUDFRONT" else None,
            statistic=statistic,
            period=period,
        )

    def _public(self, options: FirewallOptions) -> list[dict[str, Any]]:
        """The rules in front of a public address: addresses, managed rules, and the rate of an address.

        Rules that allow a request end its evaluation, so the addresses that are not allowed are blocked first, and the
        other rules apply to those that are.
        https://docs.aws.amazon.com/waf/latest/developerguide/web-acl-rule-actions.html
        """
        rules = []
        if options.allowed_addresses:
            rules.append(_rule("AllowedAddresses", self._others(options.allowed_addresses)))
        rules += [_managed_rule(group) for group in options.firewall_rules]
        limit = {"rateBasedStatement": {"limit": options.requests_per_address, "aggregateKeyType": "IP"}}
        return [*rules, _rule("RateLimit", limit)]

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
                        scope=self._scope,
                    ).attr_arn
                }
            }
            for version, addresses in sets.items()
            if addresses
        ]
        return {
            "notStatement": {"statement": within[0] if len(within) == 1 else {"orStatement": {"statements": within}}}
        }


class Firewall(_WebAcl):
    """An AWS WAF web ACL with AWS managed rules, a rate limit per IP address, and optionally a list of allowed ranges.

    Behind CloudFront it has one rule instead, which blocks what does not come through the distribution: there the
    address of a request is that of CloudFront, and :class:`EdgeFirewall` has the other rules.
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

    :param foundation: key, and retention of the log.
    :param name: name of the web ACL and its log group, 1 to 128 letters, digits, hyphens and underscores.
    :param options: rate limit, managed rules, and allowed address ranges. Default: 300 requests in five minutes, and
        any address.
    :param origin: the secret that CloudFront sends. Default: requests come from clients.
    """

    _scope = "REGIONAL"

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        foundation: Foundation,
        name: str,
        options: FirewallOptions | None = None,
        origin: OriginSecret | None = None,
    ) -> None:
        super().__init__(scope, id)
        self.options = options = options or FirewallOptions()
        self.origin = origin
        if origin is None:
            self._create(self._public(options), foundation=foundation, name=name)
        else:
            # Samples of requests would show the secret.
            only = _rule("ThroughCloudFront", {"notStatement": {"statement": origin.statement}}, sampled=False)
            self._create([only], foundation=foundation, name=name, redacted=[origin.header], sampled=False)

    @property
    def _dimensions(self) -> dict[str, str]:
        return {**super()._dimensions, "Region": Stack.of(self).region}

    def protect(self, scope: Construct, id: str, resource_arn: str) -> wafv2.CfnWebACLAssociation:
        """Associate the web ACL with the stage or load balancer of that ARN."""
        return wafv2.CfnWebACLAssociation(scope, id, resource_arn=resource_arn, web_acl_arn=self.acl_arn)


class EdgeFirewall(_WebAcl):
    """An AWS WAF web ACL of a CloudFront distribution: managed rules, and rate limits per IP address and per user.

    A user's requests are those with one ``Authorization`` header: a user who signs in again has a new limit, and the
    usage budget of the application remains. Requests without the header are left to the limit per address.
    https://docs.aws.amazon.com/waf/latest/developerguide/waf-rule-statement-type-rate-based-aggregation-options.html

    Example::

        import aws_cdk as cdk
        from aws_genai.application import EdgeFirewall
        from aws_genai.foundation import CostTags, Foundation
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Edge", env=cdk.Environment(region="us-east-1"))
        EdgeFirewall(stack, "Firewall", name="assistant-edge", foundation=Foundation(stack))
        app.synth()

    :param foundation: key, and retention of the log.
    :param name: name of the web ACL and its log group, 1 to 128 letters, digits, hyphens and underscores.
    :param options: rate limit per address, managed rules, and allowed address ranges. Default: 300 requests in five
        minutes, and any address.
    :param edge: rate limit per user, and bot control. Default: 300 requests in five minutes, and no bot control.
    :raises InvalidValueError: if the stack is not in us-east-1, the only Region of web ACLs of CloudFront.
    """

    _scope = "CLOUDFRONT"

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        foundation: Foundation,
        name: str,
        options: FirewallOptions | None = None,
        edge: EdgeOptions | None = None,
    ) -> None:
        super().__init__(scope, id)
        check_edge_region(Stack.of(self).region)
        options, edge = options or FirewallOptions(), edge or EdgeOptions()
        user = {
            "rateBasedStatement": {
                "limit": edge.requests_per_user,
                "aggregateKeyType": "CUSTOM_KEYS",
                "customKeys": [
                    {"header": {"name": "authorization", "textTransformations": [{"priority": 0, "type": "NONE"}]}}
                ],
            }
        }
        rules = [*self._public(options), _rule("UserRateLimit", user)]
        if edge.bot_control:
            # Last, because each request that it examines is charged.
            rules.append(_managed_rule("AWSManagedRulesBotControlRuleSet"))
        self._create(rules, foundation=foundation, name=name)


def check_edge_region(region: str) -> None:
    """Refuse a stack that is not in the Region of CloudFront's web ACLs and deliveries of logs.

    :raises InvalidValueError: if it is in another Region, or in none that is known.
    """
    if region != EDGE_REGION:
        where = "no Region that is known at synthesis" if Token.is_unresolved(region) else region
        raise InvalidValueError(
            f"This stack is in {where}; web ACLs and log deliveries of CloudFront are in {EDGE_REGION} only",
            field="region",
            hint=f'Add it to a stack with env=cdk.Environment(region="{EDGE_REGION}")',
        )


def _rule(name: str, statement: dict[str, Any], *, sampled: bool = True) -> dict[str, Any]:
    """A rule that blocks what its statement matches."""
    return {
        "name": name,
        "action": {"block": {}},
        "statement": statement,
        "visibilityConfig": _visible(name, sampled=sampled),
    }


def _managed_rule(group: str) -> dict[str, Any]:
    return {
        "name": group,
        "overrideAction": {"none": {}},
        "statement": {"managedRuleGroupStatement": _managed(group)},
        "visibilityConfig": _visible(group),
    }


def _managed(group: str) -> dict[str, object]:
    """An AWS managed rule group. Its limit on the size of bodies, 8 KB, only counts.

    A long conversation is larger; the API's own schema limits it.
    https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-baseline.html
    """
    statement: dict[str, object] = {"vendorName": "AWS", "name": group}
    if group == "AWSManagedRulesCommonRuleSet":
        statement["ruleActionOverrides"] = [{"name": "SizeRestrictions_BODY", "actionToUse": {"count": {}}}]
    if group == "AWSManagedRulesBotControlRuleSet":
        # https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-bot.html
        statement["managedRuleGroupConfigs"] = [{"awsManagedRulesBotControlRuleSet": {"inspectionLevel": "COMMON"}}]
    return statement


def _visible(name: str, *, sampled: bool = True) -> dict[str, object]:
    return {"cloudWatchMetricsEnabled": True, "sampledRequestsEnabled": sampled, "metricName": name}
