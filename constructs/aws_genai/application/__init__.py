"""Layer 3: applications that reach models only through the layer below."""

from .chat_api import ChatApi, Inference
from .dashboard import Dashboard
from .firewall import Firewall
from .identity import Identity

__all__ = ["ChatApi", "Dashboard", "Firewall", "Identity", "Inference"]
