"""Layer 3: applications that reach models only through the layer below."""

from typing import TYPE_CHECKING

from ..lazily import exports

if TYPE_CHECKING:
    from ..models.inference import Inference
    from .chat_api import ChatApi
    from .dashboard import Dashboard
    from .firewall import Firewall
    from .identity import Identity
    from .usage_budget import UsageBudget

__all__ = ["ChatApi", "Dashboard", "Firewall", "Identity", "Inference", "UsageBudget"]

__getattr__ = exports(
    __name__,
    {
        ".chat_api": ("ChatApi",),
        ".dashboard": ("Dashboard",),
        ".firewall": ("Firewall",),
        ".identity": ("Identity",),
        "..models.inference": ("Inference",),
        ".usage_budget": ("UsageBudget",),
    },
)
