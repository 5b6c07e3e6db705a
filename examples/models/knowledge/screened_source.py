import aws_cdk as cdk
from aws_genai.models import KnowledgeBase, ScreenedSource
from aws_genai.foundation import AccessLogBucket, AlarmTopic, CostTags, DataKey
from aws_genai.gate import attach_gate

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Knowledge", env=cdk.Environment(region="us-east-1"))
key = DataKey(stack, "Key", description="Documents")
key.allow_logs()
topic = AlarmTopic(stack, "Alarms", key=key)
base = KnowledgeBase(
    stack,
    "Handbook",
    name="demo-handbook",
    sources={"policies": ["staff"]},
    key=key,
    access_logs=AccessLogBucket(stack, "AccessLogs"),
    topic=topic,
)
ScreenedSource(
    stack,
    "Site",
    base=base,
    name="site",
    groups=["staff"],
    urls=["https://docs.example.com/"],
    topic=topic,
)
app.synth()
