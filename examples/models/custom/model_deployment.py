import aws_cdk as cdk
from aws_genai.models import Guardrail, ModelDeployment
from aws_genai.foundation import AlarmTopic, CostTags, DataKey
from aws_genai.gate import attach_gate

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
key = DataKey(stack, "Key", description="Models")
key.allow_logs()
ModelDeployment(
    stack,
    "Support",
    name="demo-support",
    model_arn="arn:aws:bedrock:us-east-1:111122223333:custom-model/amazon.nova-lite-v1:0:300k/abcdefghijkl",
    guardrail=Guardrail(stack, "Guardrail", name="one", key=key),
    key=key,
    topic=AlarmTopic(stack, "Alarms", key=key),
)
app.synth()
