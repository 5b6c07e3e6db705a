import aws_cdk as cdk
from aws_genai.foundation import CostTags, Foundation
from aws_genai.gate import attach_gate
from aws_genai.models import EndpointOptions, ModelEndpoint, ServedWeights

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
foundation = Foundation(stack, network=["us-east-1a", "us-east-1b"], private_functions=True)
ModelEndpoint(
    stack,
    "Assistant",
    foundation=foundation,
    endpoint_name="assistant",
    options=EndpointOptions(
        weights=ServedWeights(uri="s3://my-models/assistant/3"), instance_type="ml.g6.12xlarge"
    ),
)
app.synth()
