import aws_cdk as cdk
from aws_genai.foundation import CostTags, Foundation
from aws_genai.gate import attach_gate
from aws_genai.models import Guardrail, ModelWatch, ModelWatchOptions

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
foundation = Foundation(stack)
ModelWatch(
    stack,
    "Watch",
    models={"amazon.nova-lite-v1:0": "amazon.nova-lite-v1:0"},
    guardrail=Guardrail(stack, "Guardrail", name="assistant", foundation=foundation),
    foundation=foundation,
    options=ModelWatchOptions(usd_per_hour=5),
)
app.synth()
