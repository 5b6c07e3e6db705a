import aws_cdk as cdk
from aws_genai.foundation import CostTags, Foundation
from aws_genai.gate import attach_gate
from aws_genai.models import ApplicationProfiles, Guardrail, ModelAccess, ModelAccessOptions

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
foundation = Foundation(stack)
access = ModelAccess(
    stack,
    "Access",
    guardrail=Guardrail(stack, "Guardrail", name="assistant", foundation=foundation),
    options=ModelAccessOptions(models=["us.amazon.nova-lite-v1:0", "amazon.nova-micro-v1:0"]),
)
ApplicationProfiles(stack, "Support", name="support", access=access)
app.synth()
