import aws_cdk as cdk
from aws_genai.models import Evaluation, Guardrail, Judge, ModelAccess
from aws_genai.foundation import AccessLogBucket, AlarmTopic, CostTags, DataKey
from aws_genai.gate import attach_gate

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
key = DataKey(stack, "Key", description="Evaluations")
key.allow_logs()
models = ["us.amazon.nova-pro-v1:0", "us.amazon.nova-lite-v1:0"]
Evaluation(
    stack,
    "Assistants",
    name="demo-assistants",
    models=models,
    access=ModelAccess(
        stack, "Access", models=models, guardrail=Guardrail(stack, "Guardrail", name="one", key=key)
    ),
    judge=Judge(model="us.amazon.nova-pro-v1:0"),
    thresholds={"Correctness": 0.8, "latency_ms": 3000},
    key=key,
    access_logs=AccessLogBucket(stack, "AccessLogs"),
    topic=AlarmTopic(stack, "Alarms", key=key),
)
app.synth()
