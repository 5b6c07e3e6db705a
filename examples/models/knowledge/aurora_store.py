import aws_cdk as cdk
from aws_genai.foundation import CostTags, Foundation
from aws_genai.gate import attach_gate
from aws_genai.models import AuroraStore

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Vectors", env=cdk.Environment(region="us-east-1"))
AuroraStore(
    stack,
    "Store",
    foundation=Foundation(stack, network=["us-east-1a", "us-east-1b"]),
    name="demo-handbook",
    dimension=1024,
)
app.synth()
