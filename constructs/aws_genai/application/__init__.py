"""Layer 3: applications, which call models only through the layer below."""

from typing import TYPE_CHECKING

from ..lazily import exports

if TYPE_CHECKING:
    from ..models.access.inference import Inference as Inference
    from .agent_tools import AgentTools as AgentTools
    from .assistant import Assistant as Assistant
    from .attachments import Attachments as Attachments
    from .chat_api import ChatApi as ChatApi
    from .code_tools import CodeTools as CodeTools
    from .content_tools import ContentTools as ContentTools
    from .dashboard import Dashboard as Dashboard
    from .edge import Edge as Edge
    from .edge_logs import EdgeLogs as EdgeLogs
    from .firewall import EdgeFirewall as EdgeFirewall, Firewall as Firewall
    from .history import History as History
    from .identity import Identity as Identity
    from .insight_tools import InsightTools as InsightTools
    from .options import (
        AgentOptions as AgentOptions,
        AgentTarget as AgentTarget,
        AgentTool as AgentTool,
        AnswerLimits as AnswerLimits,
        AssistantOptions as AssistantOptions,
        AttachmentOptions as AttachmentOptions,
        ChatOptions as ChatOptions,
        CodeOptions as CodeOptions,
        ContentOptions as ContentOptions,
        CustomDomain as CustomDomain,
        EdgeDomain as EdgeDomain,
        EdgeOptions as EdgeOptions,
        ExistingUserPool as ExistingUserPool,
        Federation as Federation,
        FirewallOptions as FirewallOptions,
        GroupBudget as GroupBudget,
        HistoryOptions as HistoryOptions,
        IdentityOptions as IdentityOptions,
        InsightData as InsightData,
        InsightOptions as InsightOptions,
        MachineOptions as MachineOptions,
        OidcProvider as OidcProvider,
        PrivateApi as PrivateApi,
        SamlProvider as SamlProvider,
        ToolParameter as ToolParameter,
        UsageBudgetOptions as UsageBudgetOptions,
    )
    from .origin_secret import OriginSecret as OriginSecret
    from .usage_budget import UsageBudget as UsageBudget

__all__, __getattr__ = exports(__name__)
