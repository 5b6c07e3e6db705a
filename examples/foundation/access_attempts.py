import aws_cdk as cdk
from aws_genai.foundation import AccessAttempts, AlarmTopic, CostTags, DataKey
from aws_genai.gate import attach_gate

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Attempts")
key = DataKey(stack, "Key", description="Alarms")
AccessAttempts(stack, "Attempts", key=key, topic=AlarmTopic(stack, "Alarms", key=key))
app.synth()
