import aws_cdk as cdk
from aws_genai.application import ChatApi, ChatOptions, Firewall, Identity
from aws_genai.foundation import CostTags, Foundation
from aws_genai.gate import attach_gate
from aws_genai.models import Guardrail, ModelAccess, ModelAccessOptions

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Chat", env=cdk.Environment(region="us-east-1"))
foundation = Foundation(stack)
guardrail = Guardrail(stack, "Guardrail", name="assistant", foundation=foundation)
options = ChatOptions(allowed_origins=["https://chat.example.com"])
ChatApi(
    stack,
    "Chat",
    foundation=foundation,
    name="assistant",
    access=ModelAccess(
        stack,
        "Access",
        guardrail=guardrail,
        options=ModelAccessOptions(models=["amazon.nova-lite-v1:0"]),
    ),
    identity=Identity(
        stack, "Users", foundation=foundation, pool_name="assistant", options=options
    ),
    firewall=Firewall(stack, "Firewall", foundation=foundation, name="assistant", options=options),
    options=options,
)
app.synth()
