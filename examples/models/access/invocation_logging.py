import aws_cdk as cdk
from aws_genai.models import InvocationLogging
from aws_genai.foundation import AlarmTopic, CostTags, DataKey
from aws_genai.gate import attach_gate

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
key = DataKey(stack, "Key", description="Calls of models")
key.allow_logs()
InvocationLogging(
    stack,
    "Calls",
    mask=["EmailAddress"],
    key=key,
    topic=AlarmTopic(stack, "Alarms", key=key),
)
app.synth()
