import aws_cdk as cdk
from aws_genai.application import UsageBudget, UsageBudgetOptions
from aws_genai.foundation import CostTags, Foundation
from aws_genai.gate import attach_gate

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Chat")
foundation = Foundation(stack)
UsageBudget(
    stack, "Budget", foundation=foundation, options=UsageBudgetOptions(tokens_per_day=100000)
)
app.synth()
