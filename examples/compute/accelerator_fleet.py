import aws_cdk as cdk
from aws_genai.compute import AcceleratorFleet, Spot, WorkQueue
from aws_genai.foundation import AlarmTopic, CostTags, DataKey, PrivateNetwork
from aws_genai.gate import attach_gate

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Compute")
key = DataKey(stack, "Key", description="Fleet")
key.allow_logs()
topic = AlarmTopic(stack, "Alarms", key=key)
AcceleratorFleet(
    stack,
    "Fleet",
    instance_type="g6.xlarge",
    alternatives=["g6e.xlarge", "g5.xlarge"],
    capacity=Spot(),
    queue=WorkQueue(stack, "Prompts", key=key, topic=topic),
    key=key,
    network=PrivateNetwork(stack, "Network", zones=["us-east-1a", "us-east-1b"], key=key),
    topic=topic,
)
app.synth()
