import aws_cdk as cdk
from aws_genai.application import (
    Assistant,
    AssistantOptions,
    ChatApi,
    Firewall,
    Identity,
    InsightData,
    InsightOptions,
    InsightTools,
)
from aws_genai.foundation import CostTags, Foundation
from aws_genai.gate import attach_gate
from aws_genai.models import Guardrail, ModelAccess, ModelAccessOptions

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Chat", env=cdk.Environment(region="us-east-1"))
foundation = Foundation(stack)
guardrail = Guardrail(stack, "Guardrail", name="assistant", foundation=foundation)
access = ModelAccess(
    stack,
    "Access",
    guardrail=guardrail,
    options=ModelAccessOptions(models=["amazon.nova-lite-v1:0"]),
)
identity = Identity(stack, "Users", foundation=foundation, pool_name="assistant")
insight = InsightOptions(
    tables=["shop.orders"], data=[InsightData(location="s3://data-of-mine/orders/")]
)
figures = Assistant(
    stack,
    "Figures",
    foundation=foundation,
    name="figures",
    access=access,
    identity=identity,
    options=AssistantOptions(kind="insight", insight=insight),
    toolset=InsightTools(stack, "Tables", foundation=foundation, name="figures", options=insight),
)
ChatApi(
    stack,
    "Chat",
    foundation=foundation,
    name="assistant",
    access=access,
    identity=identity,
    firewall=Firewall(stack, "Firewall", foundation=foundation, name="assistant"),
    assistants=[figures],
)
app.synth()
