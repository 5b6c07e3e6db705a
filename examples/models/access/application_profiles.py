import aws_cdk as cdk
from aws_genai.models import ApplicationProfiles, Guardrail, ModelAccess
from aws_genai.foundation import CostTags, DataKey
from aws_genai.gate import attach_gate

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
key = DataKey(stack, "Key", description="Policy")
access = ModelAccess(
    stack,
    "Access",
    models=["us.amazon.nova-lite-v1:0", "amazon.nova-micro-v1:0"],
    guardrail=Guardrail(stack, "Guardrail", name="assistant", key=key),
)
ApplicationProfiles(stack, "Support", name="support", access=access)
app.synth()
