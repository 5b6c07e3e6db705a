"""Layer 3: applications that reach models only through the layer below."""

from typing import TYPE_CHECKING

from ..lazily import exports

if TYPE_CHECKING:
    from .chat_api import ChatApi, Inference
    from .dashboard import Dashboard
    from .firewall import Firewall
    from .identity import Identity

__all__ = ["ChatApi", "Dashboard", "Firewall", "Identity", "Inference"]

__getattr__ = exports(
    __name__,
    {
        ".chat_api": (
            "ChatApi",
            "Inference",
        ),
        ".dashboard": ("Dashboard",),
        ".firewall": ("Firewall",),
        ".identity": ("Identity",),
    },
)
