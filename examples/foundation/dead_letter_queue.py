import aws_cdk as cdk
from aws_genai.foundation import CostTags, DataKey, DeadLetterQueue
from aws_genai.gate import attach_gate

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Events")
DeadLetterQueue(stack, "Undelivered", key=DataKey(stack, "Key", description="Events"))
app.synth()
