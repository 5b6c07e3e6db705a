"""Layer 2: models, hosted and by the token, that are called only through a guardrail."""

from typing import TYPE_CHECKING

from ..lazily import exports

if TYPE_CHECKING:
    from ..data.bedrock import BedrockCatalogue as BedrockCatalogue, BedrockModel as BedrockModel
    from ..data.bedrock_parameters import ModelParameters as ModelParameters
    from ..data.jumpstart import JumpStartCatalogue as JumpStartCatalogue, JumpStartModel as JumpStartModel
    from .access import *
    from .custom import *
    from .hosting import *
    from .knowledge import *
    from .prompts import *
    from .runs import *
    from .training import *

__all__, __getattr__ = exports(__name__)
