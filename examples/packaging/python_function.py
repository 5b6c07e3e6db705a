import aws_cdk as cdk
from aws_genai.foundation import CostTags, Foundation
from aws_genai.gate import attach_gate
from aws_genai.packaging import PythonFunction

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Functions")
CostTags(project="demo", environment="dev", layer="application", owner="me", cost_center="1").apply(
    stack
)
foundation = Foundation(stack)
PythonFunction(stack, "Chat", folder="chat", foundation=foundation)
app.synth()
