import aws_cdk as cdk
from aws_genai.models.hosting.weights_check import WeightsCheck
from aws_genai.foundation import AlarmTopic, CostTags, DataKey
from aws_genai.gate import attach_gate

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Models")
key = DataKey(stack, "Key", description="Models")
key.allow_logs()
WeightsCheck(
    stack,
    "Weights",
    bucket="models-of-mine",
    prefix="assistant/3/",
    key=key,
    topic=AlarmTopic(stack, "Alarms", key=key),
)
app.synth()
