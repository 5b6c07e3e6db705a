import aws_cdk as cdk
from aws_genai.packaging import PythonFunction
from aws_genai.foundation import AlarmTopic, CostTags, DataKey
from aws_genai.gate import attach_gate

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Functions")
CostTags(project="demo", environment="dev", layer="application", owner="me", cost_center="1").apply(
    stack
)
key = DataKey(stack, "Key", description="Logs")
key.allow_logs()
PythonFunction(stack, "Chat", folder="chat", key=key, topic=AlarmTopic(stack, "Alarms", key=key))
app.synth()
