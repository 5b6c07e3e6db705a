import aws_cdk as cdk
from aws_genai.foundation import CostTags, Foundation
from aws_genai.gate import attach_gate
from aws_genai.models import DeploymentOptions, Guardrail, ModelDeployment

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
foundation = Foundation(stack)
ModelDeployment(
    stack,
    "Support",
    foundation=foundation,
    name="demo-support",
    guardrail=Guardrail(stack, "Guardrail", name="one", foundation=foundation),
    options=DeploymentOptions(
        model="arn:aws:bedrock:us-east-1:111122223333:custom-model/amazon.nova-lite-v1:0:300k/abcdefghijkl"
    ),
)
app.synth()
