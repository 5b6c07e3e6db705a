import aws_cdk as cdk
from aws_genai.application import ChatApi, Firewall, Identity
from aws_genai.models import Guardrail, ModelAccess
from aws_genai.foundation import AlarmTopic, CostTags, DataKey
from aws_genai.gate import attach_gate

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Chat", env=cdk.Environment(region="us-east-1"))
key = DataKey(stack, "Key", description="Chat")
key.allow_logs()
guardrail = Guardrail(stack, "Guardrail", name="assistant", key=key)
ChatApi(
    stack,
    "Chat",
    name="assistant",
    access=ModelAccess(stack, "Access", models=["amazon.nova-lite-v1:0"], guardrail=guardrail),
    identity=Identity(stack, "Users", pool_name="assistant"),
    firewall=Firewall(stack, "Firewall", name="assistant", key=key),
    key=key,
    topic=AlarmTopic(stack, "Alarms", key=key),
)
app.synth()
