import aws_cdk as cdk
from aws_genai.foundation import CostTags, Foundation
from aws_genai.gate import attach_gate
from aws_genai.models import (
    FlowOptions,
    FlowStep,
    Guardrail,
    ModelAccess,
    ModelAccessOptions,
    Prompt,
    PromptFlow,
    PromptOptions,
)

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
foundation = Foundation(stack)
guardrail = Guardrail(stack, "Guardrail", name="one", foundation=foundation)
access = ModelAccess(
    stack,
    "Access",
    guardrail=guardrail,
    options=ModelAccessOptions(models=["amazon.nova-lite-v1:0"]),
)
texts = {
    "kind": "Is this a bill or a complaint? Answer with one of these words: {{text}}",
    "bill": "What is the total of this bill? {{text}}",
    "other": "Answer politely: {{text}}",
}
prompts = {
    name: Prompt(
        stack,
        name,
        foundation=foundation,
        name=name,
        access=access,
        options=PromptOptions(text=text, model="amazon.nova-lite-v1:0"),
    )
    for name, text in texts.items()
}
PromptFlow(
    stack,
    "Triage",
    foundation=foundation,
    name="demo-triage",
    guardrail=guardrail,
    prompts=prompts,
    options=FlowOptions(
        steps={
            "kind": FlowStep(prompt="kind", given={"text": "input"}),
            "bill": FlowStep(prompt="bill", given={"text": "input"}, when={"kind": "bill"}),
            "other": FlowStep(prompt="other", given={"text": "input"}, when={"kind": "otherwise"}),
        }
    ),
)
app.synth()
