import aws_cdk as cdk
from aws_genai.foundation import CostTags, Foundation
from aws_genai.gate import attach_gate
from aws_genai.models.hosting.weights_check import WeightsCheck

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Models")
foundation = Foundation(stack)
WeightsCheck(
    stack, "Weights", bucket="models-of-mine", prefix="assistant/3/", foundation=foundation
)
app.synth()
