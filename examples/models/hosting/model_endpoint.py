import aws_cdk as cdk
from aws_genai.models import ModelEndpoint, Weights
from aws_genai.foundation import AlarmTopic, CostTags, DataKey, PrivateNetwork
from aws_genai.gate import attach_gate

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
key = DataKey(stack, "Key", description="Models")
key.allow_logs()
ModelEndpoint(
    stack,
    "Assistant",
    weights=Weights(uri="s3://models-of-mine/assistant/3"),
    instance_type="ml.g6.12xlarge",
    endpoint_name="assistant",
    key=key,
    network=PrivateNetwork(stack, "Network", zones=["us-east-1a", "us-east-1b"], key=key),
    topic=AlarmTopic(stack, "Alarms", key=key),
)
app.synth()
