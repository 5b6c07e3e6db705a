"""Layer 3: applications that call models only through the layer below."""

from typing import TYPE_CHECKING

from ..lazily import exports

if TYPE_CHECKING:
    from ..models.access.inference import Inference as Inference
    from .chat_api import ChatApi as ChatApi
    from .dashboard import Dashboard as Dashboard
    from .firewall import Firewall as Firewall
    from .identity import Identity as Identity
    from .usage_budget import UsageBudget as UsageBudget

__all__, __getattr__ = exports(__name__)
