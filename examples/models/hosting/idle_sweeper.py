import aws_cdk as cdk
from aws_genai.models import IdleSweeper
from aws_genai.foundation import AlarmTopic, CostTags, DataKey
from aws_genai.gate import attach_gate

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Models")
key = DataKey(stack, "Key", description="Models")
key.allow_logs()
IdleSweeper(
    stack,
    "Idle",
    prefix="demo-dev-",
    owner={"project": "demo", "environment": "dev"},
    key=key,
    topic=AlarmTopic(stack, "Alarms", key=key),
)
app.synth()
