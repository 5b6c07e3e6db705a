import aws_cdk as cdk
from aws_genai.compute import AcceleratorFleet, Spot, WorkQueue
from aws_genai.foundation import CostTags, Foundation
from aws_genai.gate import attach_gate

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Compute")
foundation = Foundation(stack, network=["us-east-1a", "us-east-1b"])
AcceleratorFleet(
    stack,
    "Fleet",
    instance_type="g6.xlarge",
    alternatives=["g6e.xlarge", "g5.xlarge"],
    capacity=Spot(),
    queue=WorkQueue(stack, "Prompts", foundation=foundation),
    foundation=foundation,
)
app.synth()
