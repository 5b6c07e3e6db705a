import aws_cdk as cdk
from aws_genai.packaging import PythonFunction
from aws_genai.models import JobMachine
from aws_genai.foundation import AlarmTopic, CostTags, DataKey
from aws_genai.gate import attach_gate

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Jobs")
key = DataKey(stack, "Key", description="Jobs")
key.allow_logs()
topic = AlarmTopic(stack, "Alarms", key=key)
JobMachine(
    stack,
    "Runs",
    name="demo-runs",
    function=PythonFunction(stack, "Steps", folder="evaluation", key=key, topic=topic),
    key=key,
    topic=topic,
)
app.synth()
