"""The metrics of functions that answer: what is emitted, and what dashboards and alarms read.

All have the dimensions ``function`` and ``service``. CloudWatch bills a metric in the hours in which it is emitted.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

NAMESPACE = "AwsGenAi"

#: Tokens of requests and responses, as Bedrock reports them.
INPUT_TOKENS, OUTPUT_TOKENS = "InputTokens", "OutputTokens"
#: Milliseconds between the arrival of a request at API Gateway and the first part of its answer.
FIRST_TOKEN = "FirstTokenMilliseconds"  # noqa: S105 - a metric
#: Questions for which the documents that the user may read hold nothing.
NO_SUPPORT = "NoSupport"
#: What the guardrail blocked; each block is counted under its part too.
BLOCKED, INPUT_BLOCKED, OUTPUT_BLOCKED = "Blocked", "InputBlocked", "OutputBlocked"
#: Requests of users that were blocked too often, and of users whose budget is spent.
LOCKED_OUT, BUDGET_SPENT = "LockedOut", "BudgetSpent"
#: Any other request that is refused, such as a malformed one, or one that a model is too busy for.
REFUSED = "Refused"
#: Requests that failed for a reason that nobody foresaw.
FAILED = "Failed"
#: Calls of tools by the model; those that were refused: by a policy, by a limit, by the guardrail, or by the user; and
#: those that failed.
TOOL_CALLS, TOOL_REFUSALS, TOOL_FAILURES = "ToolCalls", "ToolRefusals", "ToolFailures"

_BY_CODE = {
    "input_blocked": (BLOCKED, INPUT_BLOCKED),
    "output_blocked": (BLOCKED, OUTPUT_BLOCKED),
    "locked_out": (LOCKED_OUT,),
    "requests_spent": (BUDGET_SPENT,),
    "tokens_spent": (BUDGET_SPENT,),
    "money_spent": (BUDGET_SPENT,),
}


def refusals(code: str) -> tuple[str, ...]:
    """The metrics that count a refusal.

    :param code: code of the error response.
    """
    return _BY_CODE.get(code, (REFUSED,))
