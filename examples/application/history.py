import aws_cdk as cdk
from aws_genai.application import History, HistoryOptions, Identity
from aws_genai.foundation import CostTags, Foundation
from aws_genai.gate import attach_gate

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
    options=HistoryOptions(days=30),
)
app.synth()
