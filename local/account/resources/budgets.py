"""Budgets, in the emulator's own service."""

from __future__ import annotations

from ministack.services import budgets

from .base import Model, Resource, answer


class Budget(Resource):
    """https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_budgets_CreateBudget.html"""

    type = "AWS::Budgets::Budget"
    name_limit = 100
    service = True

    def name_of(self, model: Model) -> str:
        return str(model["Budget"].get("BudgetName", ""))

    def named(self, model: Model, name: str) -> Model:
        return {**model, "Budget": {**model["Budget"], "BudgetName": name}}

    def create(self, model: Model) -> Model:
        answer(budgets._create_budget(_request(model)))
        return {**model, "Id": model["Budget"]["BudgetName"]}

    def update(self, old: Model, new: Model) -> Model:
        answer(budgets._update_budget({"NewBudget": _request(new)["Budget"]}))
        return new

    def delete(self, model: Model) -> None:
        answer(budgets._delete_budget({"BudgetName": model["Id"]}))

    def tag(self, model: Model) -> None:
        tags = {each["Key"]: each["Value"] for each in model.get("ResourceTags", [])}
        budgets._tags[budgets._budget_arn(model["Id"])] = tags


def _request(model: Model) -> Model:
    """The API takes amounts as strings, where CloudFormation's property is a number."""
    budget = dict(model["Budget"])
    if "BudgetLimit" in budget:
        budget["BudgetLimit"] = {**budget["BudgetLimit"], "Amount": str(budget["BudgetLimit"]["Amount"])}
    return {**model, "Budget": budget}
