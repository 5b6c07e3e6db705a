import aws_cdk as cdk
from aws_genai.foundation import CostTags, Foundation
from aws_genai.gate import attach_gate
from aws_genai.models import Weights
from aws_genai.models.hosting.weights_check import WeightsCheck

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Models")
WeightsCheck(
    stack,
    "Weights",
    foundation=Foundation(stack),
    weights=Weights(uri="s3://my-models/assistant/3"),
)
app.synth()
