import aws_cdk as cdk
from aws_genai.application import (
    AgentOptions,
    AgentTarget,
    AgentTool,
    AgentTools,
    Assistant,
    AssistantOptions,
    ChatApi,
    Firewall,
    Identity,
    ToolParameter,
)
from aws_genai.foundation import CostTags, Foundation
from aws_genai.gate import attach_gate
from aws_genai.models import Guardrail, ModelAccess, ModelAccessOptions

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Desk", env=cdk.Environment(region="us-east-1"))
foundation = Foundation(stack)
guardrail = Guardrail(stack, "Guardrail", name="desk", foundation=foundation)
access = ModelAccess(
    stack,
    "Access",
    guardrail=guardrail,
    options=ModelAccessOptions(models=["amazon.nova-lite-v1:0"]),
)
identity = Identity(stack, "Users", foundation=foundation, pool_name="desk", groups=["support"])
number = ToolParameter(type="integer", description="Number of the ticket")
find = AgentTool(
    description="Finds a ticket.", input={"number": number}, confirm=False, groups=["support"]
)
close = AgentTool(description="Closes a ticket.", input={"number": number}, groups=["support"])
options = AgentOptions(
    targets={
        "desk": AgentTarget(
            function_arn="arn:aws:lambda:us-east-1:111122223333:function:desk",
            tools={"find_ticket": find, "close_ticket": close},
        )
    }
)
tools = AgentTools(
    stack, "Tools", foundation=foundation, name="desk", identity=identity, options=options
)
desk = Assistant(
    stack,
    "Agent",
    foundation=foundation,
    name="desk",
    access=access,
    identity=identity,
    options=AssistantOptions(kind="agent", agent=options),
    toolset=tools,
)
ChatApi(
    stack,
    "Chat",
    foundation=foundation,
    name="desk",
    access=access,
    identity=identity,
    firewall=Firewall(stack, "Firewall", foundation=foundation, name="desk"),
    assistants=[desk],
)
app.synth()
