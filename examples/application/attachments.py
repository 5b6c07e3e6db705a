import aws_cdk as cdk
from aws_genai.application import AttachmentOptions, History, HistoryOptions, Identity
from aws_genai.foundation import CostTags, Foundation
from aws_genai.gate import attach_gate
from aws_genai.models import Guardrail

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Chat")
foundation = Foundation(stack)
History(
    stack,
    "History",
    foundation=foundation,
    identity=Identity(stack, "Users", foundation=foundation, pool_name="assistant"),
    guardrail=Guardrail(stack, "Guardrail", name="assistant", foundation=foundation),
    options=HistoryOptions(days=30, attachments=AttachmentOptions(types=["pdf"])),
)
app.synth()
