import aws_cdk as cdk
from aws_genai.models import AuroraStore
from aws_genai.foundation import AlarmTopic, CostTags, DataKey, PrivateNetwork
from aws_genai.gate import attach_gate

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Vectors", env=cdk.Environment(region="us-east-1"))
key = DataKey(stack, "Key", description="Vectors")
key.allow_logs()
AuroraStore(
    stack,
    "Store",
    name="demo-handbook",
    dimension=1024,
    key=key,
    topic=AlarmTopic(stack, "Alarms", key=key),
    network=PrivateNetwork(stack, "Network", zones=["us-east-1a", "us-east-1b"], key=key),
)
app.synth()
