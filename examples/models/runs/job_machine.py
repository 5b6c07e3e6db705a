import aws_cdk as cdk
from aws_genai.foundation import CostTags, Foundation
from aws_genai.gate import attach_gate
from aws_genai.models import JobMachine
from aws_genai.packaging import PythonFunction

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Jobs")
foundation = Foundation(stack)
JobMachine(
    stack,
    "Runs",
    name="demo-runs",
    function=PythonFunction(stack, "Steps", folder="evaluation", foundation=foundation),
    foundation=foundation,
)
app.synth()
