import aws_cdk as cdk
from aws_genai.foundation import CostTags, Foundation
from aws_genai.gate import attach_gate
from aws_genai.models import EndpointOptions, JumpStartEndpoint

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
JumpStartEndpoint(
    stack,
    "Embeddings",
    foundation=Foundation(stack, network=["us-east-1a", "us-east-1b"]),
    endpoint_name="embeddings",
    options=EndpointOptions(model="huggingface-sentencesimilarity-bge-m3", scale_to_zero=True),
)
app.synth()
