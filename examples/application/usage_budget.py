import aws_cdk as cdk
from aws_genai.application import UsageBudget
from aws_genai.foundation import CostTags, DataKey
from aws_genai.gate import attach_gate

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Chat")
UsageBudget(stack, "Budget", key=DataKey(stack, "Key", description="Chat"), tokens_per_day=100_000)
app.synth()
