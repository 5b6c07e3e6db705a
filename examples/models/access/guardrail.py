import aws_cdk as cdk
from aws_genai.models import Guardrail
from aws_genai.foundation import CostTags, DataKey
from aws_genai.gate import attach_gate

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Guard")
Guardrail(stack, "Guardrail", name="assistant", key=DataKey(stack, "Key", description="Guardrail"))
app.synth()
