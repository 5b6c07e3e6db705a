import aws_cdk as cdk
from aws_genai.foundation import CostTags, Foundation
from aws_genai.gate import attach_gate
from aws_genai.models import EnforcedGuardrail, Guardrail

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Account")
foundation = Foundation(stack)
EnforcedGuardrail(
    stack,
    "Everywhere",
    guardrail=Guardrail(stack, "Guardrail", name="account", foundation=foundation),
)
app.synth()
