import aws_cdk as cdk
from aws_genai.compute import WeightsBucket, WeightsOptions
from aws_genai.foundation import CostTags, Foundation
from aws_genai.gate import attach_gate

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Weights")
WeightsBucket(
    stack,
    "Weights",
    foundation=Foundation(stack),
    options=WeightsOptions(publisher_role="arn:aws:iam::111122223333:role/model-publisher"),
)
app.synth()
