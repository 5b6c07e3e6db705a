import aws_cdk as cdk
from aws_genai.models import JumpStartEndpoint
from aws_genai.foundation import AlarmTopic, CostTags, DataKey, PrivateNetwork
from aws_genai.gate import attach_gate

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
key = DataKey(stack, "Key", description="Models")
key.allow_logs()
JumpStartEndpoint(
    stack,
    "Embeddings",
    model_id="huggingface-sentencesimilarity-bge-m3",
    endpoint_name="embeddings",
    scale_to_zero=True,
    key=key,
    network=PrivateNetwork(stack, "Network", zones=["us-east-1a", "us-east-1b"], key=key),
    topic=AlarmTopic(stack, "Alarms", key=key),
)
app.synth()
