import aws_cdk as cdk
from aws_genai.compute import WorkQueue
from aws_genai.foundation import CostTags, Foundation
from aws_genai.gate import attach_gate

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Work")
foundation = Foundation(stack)
WorkQueue(stack, "Prompts", foundation=foundation)
app.synth()
