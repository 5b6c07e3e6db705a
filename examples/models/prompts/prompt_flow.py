import aws_cdk as cdk
from aws_genai.models import FlowStep, Guardrail, ModelAccess, Prompt, PromptFlow
from aws_genai.foundation import CostTags, DataKey
from aws_genai.gate import attach_gate

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
key = DataKey(stack, "Key", description="Prompts")
guardrail = Guardrail(stack, "Guardrail", name="one", key=key)
access = ModelAccess(stack, "Access", models=["amazon.nova-lite-v1:0"], guardrail=guardrail)
texts = {
    "kind": "Is this a bill or a complaint? Answer with one of these words: {{text}}",
    "bill": "What is the sum of this bill? {{text}}",
    "other": "Answer politely: {{text}}",
}
prompts = {
    name: Prompt(
        stack, name, name=name, text=text, model="amazon.nova-lite-v1:0", access=access, key=key
    )
    for name, text in texts.items()
}
PromptFlow(
    stack,
    "Triage",
    name="demo-triage",
    prompts=prompts,
    steps={
        "kind": FlowStep(prompt="kind", given={"text": "input"}),
        "bill": FlowStep(prompt="bill", given={"text": "input"}, when=("kind", "bill")),
        "other": FlowStep(prompt="other", given={"text": "input"}, when=("kind", "otherwise")),
    },
    guardrail=guardrail,
    key=key,
)
app.synth()
