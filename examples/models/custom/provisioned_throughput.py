import aws_cdk as cdk
from aws_genai.models import Guardrail, ProvisionedThroughput
from aws_genai.foundation import AlarmTopic, CostTags, DataKey
from aws_genai.gate import attach_gate

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
key = DataKey(stack, "Key", description="Models")
key.allow_logs()
ProvisionedThroughput(
    stack,
    "Peak",
    name="demo-peak",
    model_arn="arn:aws:bedrock:us-east-1:111122223333:custom-model/amazon.nova-lite-v1:0:300k/abcdefghijkl",
    units=1,
    usd_per_hour=50,
    guardrail=Guardrail(stack, "Guardrail", name="one", key=key),
    key=key,
    topic=AlarmTopic(stack, "Alarms", key=key),
)
app.synth()
