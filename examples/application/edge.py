import aws_cdk as cdk
from aws_genai.application import ChatApi, Edge, EdgeFirewall, Firewall, Identity, OriginSecret
from aws_genai.foundation import CostTags, Foundation
from aws_genai.gate import attach_gate
from aws_genai.models import Guardrail, ModelAccess, ModelAccessOptions

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Chat", env=cdk.Environment(region="us-east-1"))
foundation = Foundation(stack)
guardrail = Guardrail(stack, "Guardrail", name="assistant", foundation=foundation)
secret = OriginSecret(stack, "OriginSecret", foundation=foundation)
api = ChatApi(
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
    identity=Identity(stack, "Users", foundation=foundation, pool_name="assistant"),
    firewall=Firewall(stack, "Firewall", foundation=foundation, name="assistant", origin=secret),
)
firewall = EdgeFirewall(stack, "EdgeFirewall", foundation=foundation, name="assistant-edge")
Edge(stack, "Edge", foundation=foundation, name="assistant", api=api, firewall_arn=firewall.acl_arn)
app.synth()
