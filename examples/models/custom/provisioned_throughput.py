import aws_cdk as cdk
from aws_genai.foundation import CostTags, Foundation
from aws_genai.gate import attach_gate
from aws_genai.models import Guardrail, ProvisionedThroughput, ProvisionedThroughputOptions

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
foundation = Foundation(stack)
ProvisionedThroughput(
    stack,
    "Peak",
    foundation=foundation,
    name="demo-peak",
    guardrail=Guardrail(stack, "Guardrail", name="one", foundation=foundation),
    options=ProvisionedThroughputOptions(
        model="arn:aws:bedrock:us-east-1:111122223333:custom-model/amazon.nova-lite-v1:0:300k/abcdefghijkl",
        units=1,
        usd_per_hour=50,
    ),
)
app.synth()
