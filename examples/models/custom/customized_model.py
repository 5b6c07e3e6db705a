import aws_cdk as cdk
from aws_genai.foundation import CostTags, Foundation
from aws_genai.gate import attach_gate
from aws_genai.models import CustomizationOptions, CustomizedModel, SignedDataSets

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
foundation = Foundation(stack)
CustomizedModel(
    stack,
    "Support",
    foundation=foundation,
    name="demo-support",
    data_sets=SignedDataSets(stack, "DataSets", foundation=foundation),
    options=CustomizationOptions(
        base="amazon.nova-lite-v1:0", data_set="support", hyperparameters={"epochCount": 3}
    ),
)
app.synth()
