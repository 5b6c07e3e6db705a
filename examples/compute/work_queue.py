import aws_cdk as cdk
from aws_genai.compute import WorkQueue
from aws_genai.foundation import AlarmTopic, CostTags, DataKey
from aws_genai.gate import attach_gate

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Work")
key = DataKey(stack, "Key", description="Work")
WorkQueue(stack, "Prompts", key=key, topic=AlarmTopic(stack, "Alarms", key=key))
app.synth()
