import aws_cdk as cdk
from aws_genai.compute import WorkQueue
from aws_genai.security import CostTags, DataKey, attach_gate

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Work")
WorkQueue(stack, "Prompts", key=DataKey(stack, "Key", description="Work"))
app.synth()
