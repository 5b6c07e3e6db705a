import aws_cdk as cdk
from aws_genai.models import KnowledgeBase
from aws_genai.foundation import AccessLogBucket, AlarmTopic, CostTags, DataKey
from aws_genai.gate import attach_gate

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Knowledge", env=cdk.Environment(region="us-east-1"))
key = DataKey(stack, "Key", description="Documents")
key.allow_logs()
KnowledgeBase(
    stack,
    "Handbook",
    name="demo-handbook",
    sources={"policies": ["staff"], "salaries": ["hr"]},
    key=key,
    access_logs=AccessLogBucket(stack, "AccessLogs"),
    topic=AlarmTopic(stack, "Alarms", key=key),
)
app.synth()
