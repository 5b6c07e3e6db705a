"""A monthly budget that sends a notification before it is used up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aws_cdk import aws_budgets as budgets
from constructs import Construct

from .alarms import AlarmTopic


class MonthlyBudget(Construct):
    """A monthly cost budget over resources with certain tags that warns at 80 % and 100 %, and on forecast.

    The tags must be activated for cost allocation once per organization. Some Regions do not support the resource type
    (:func:`aws_genai.data.regional.available`).
    https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/activating-tags.html
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-budgets-budget-expression.html

    Example::

        import aws_cdk as cdk
        from aws_genai.foundation import AlarmTopic, CostTags, DataKey, MonthlyBudget
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Budget")
        topic = AlarmTopic(stack, "Alarms", key=DataKey(stack, "Key", description="Alarms"))
        MonthlyBudget(
            stack, "Budget", limit_usd=100, topic=topic, tags={"project": "demo", "environment": "dev"}
        )
        app.synth()

    :param limit_usd: The monthly limit, in US dollars.
    :param topic: The topic that receives the notifications.
    :param tags: The values of cost allocation tags, by name. The budget includes the cost of resources that have all of
        them.
    """

    def __init__(
        self, scope: Construct, id: str, *, limit_usd: float, topic: AlarmTopic, tags: Mapping[str, str]
    ) -> None:
        super().__init__(scope, id)
        subscriber = budgets.CfnBudget.SubscriberProperty(address=topic.topic_arn, subscription_type="SNS")
        budgets.CfnBudget(
            self,
            "Resource",
            budget=budgets.CfnBudget.BudgetDataProperty(
                budget_type="COST",
                time_unit="MONTHLY",
                budget_limit=budgets.CfnBudget.SpendProperty(amount=limit_usd, unit="USD"),
                filter_expression=_all_of([_tagged(name, value) for name, value in tags.items()]),
                metrics=["UnblendedCost"],
            ),
            notifications_with_subscribers=[
                budgets.CfnBudget.NotificationWithSubscribersProperty(
                    notification=budgets.CfnBudget.NotificationProperty(
                        comparison_operator="GREATER_THAN",
                        notification_type=kind,
                        threshold=percent,
                        threshold_type="PERCENTAGE",
                    ),
                    subscribers=[subscriber],
                )
                for kind, percent in (("ACTUAL", 80), ("ACTUAL", 100), ("FORECASTED", 100))
            ],
        )


_Expression = budgets.CfnBudget.ExpressionProperty


def _all_of(expressions: Sequence[_Expression]) -> _Expression:
    return expressions[0] if len(expressions) == 1 else _Expression(and_=list(expressions))


def _tagged(name: str, value: str) -> _Expression:
    # Cost filters require the prefix of user-defined tags; AWS does not document whether expressions require it.
    # https://docs.aws.amazon.com/cost-management/latest/userguide/budgets-create-filters.html
    keys = (name, f"user:{name}")
    return _Expression(
        or_=[_Expression(tags=budgets.CfnBudget.TagValuesProperty(key=key, values=[value])) for key in keys]
    )
