import aws_cdk as cdk
from aws_genai.foundation import AlarmTopic, CostTags, DataKey, MonthlyBudget
from aws_genai.gate import attach_gate

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Budget")
topic = AlarmTopic(stack, "Alarms", key=DataKey(stack, "Key", description="Alarms"))
MonthlyBudget(
    stack, "Budget", limit_usd=100, topic=topic, tags={"project": "demo", "environment": "dev"}
)
app.synth()
