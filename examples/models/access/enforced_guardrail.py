import aws_cdk as cdk
from aws_genai.models import EnforcedGuardrail, Guardrail
from aws_genai.foundation import CostTags, DataKey
from aws_genai.gate import attach_gate

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Account")
key = DataKey(stack, "Key", description="Guardrail of the account")
EnforcedGuardrail(
    stack, "Everywhere", guardrail=Guardrail(stack, "Guardrail", name="account", key=key)
)
app.synth()
