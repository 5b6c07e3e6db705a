import aws_cdk as cdk
from aws_genai.compute import LustreFileSystem
from aws_genai.foundation import CostTags, Foundation, SecureBucket
from aws_genai.gate import attach_gate

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Files")
foundation = Foundation(stack, network=["us-east-1a"])
LustreFileSystem(
    stack,
    "Files",
    foundation=foundation,
    data_sets=SecureBucket(stack, "DataSets", foundation=foundation),
    checkpoints=SecureBucket(stack, "Checkpoints", foundation=foundation),
)
app.synth()
