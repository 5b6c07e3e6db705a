import aws_cdk as cdk
from aws_genai.compute import AcceleratorFleet, Capacity, FleetOptions, Spot, WorkQueue
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
    foundation=foundation,
    options=FleetOptions(
        instance_type="g6.xlarge",
        alternatives=["g6e.xlarge", "g5.xlarge"],
        capacity=Capacity(spot=Spot()),
    ),
    queue=WorkQueue(stack, "Prompts", foundation=foundation),
)
app.synth()
