"""Layer 2: models, hosted and by the token, that are called through a guardrail only."""

from typing import TYPE_CHECKING

from ..lazily import exports

if TYPE_CHECKING:
    from ..data.bedrock import BedrockCatalogue, BedrockModel
    from ..data.bedrock_parameters import ModelParameters
    from ..data.jumpstart import JumpStartCatalogue, JumpStartModel
    from .application_profiles import ApplicationProfiles
    from .approved_endpoint import ApprovedEndpoint
    from .aurora_store import AuroraStore
    from .batch_inference import BatchInference
    from .customized_model import CustomizedModel
    from .data_sets import SignedDataSets
    from .enforced_guardrail import EnforcedGuardrail
    from .evaluation import Evaluation
    from .experiments import Experiments
    from .fine_tuning import FineTuning
    from .guardrail import Guardrail
    from .guardrail_policy import DeniedTopic, GuardrailPolicy
    from .idle_sweeper import IdleSweeper
    from .imported_model import ImportedModel
    from .inference import Inference
    from .invocation_logging import InvocationLogging
    from .job_machine import JobMachine
    from .judge import Judge
    from .jumpstart_endpoint import BesideModel, JumpStartEndpoint, ShadowModel
    from .knowledge_base import KnowledgeBase
    from .model_access import ModelAccess
    from .model_capacity import ModelDeployment, ProvisionedThroughput
    from .model_endpoint import ModelEndpoint
    from .model_hub import ModelHub
    from .model_monitoring import DriftLimits, ModelMonitoring
    from .model_watch import ModelWatch
    from .opensearch_store import OpenSearchStore
    from .prompt import Prompt
    from .prompt_flow import PromptFlow
    from .prompt_router import PromptRouter
    from .prompt_rules import FlowStep
    from .reading import Chunking, Parsing, Search
    from .screened_source import ScreenedSource
    from .serving import AsyncInference, DataCapture, EndpointOptions
    from .studio import Studio
    from .traffic import TrafficShift
    from .vector_store import S3VectorStore, VectorStore
    from .weights import Weights
    from .working_hours import WarmHours, WorkingHours

__all__ = [
    "ApplicationProfiles",
    "ApprovedEndpoint",
    "AsyncInference",
    "AuroraStore",
    "BatchInference",
    "BedrockCatalogue",
    "BedrockModel",
    "BesideModel",
    "Chunking",
    "CustomizedModel",
    "DataCapture",
    "DeniedTopic",
    "DriftLimits",
    "EndpointOptions",
    "EnforcedGuardrail",
    "Evaluation",
    "Experiments",
    "FineTuning",
    "FlowStep",
    "Guardrail",
    "GuardrailPolicy",
    "IdleSweeper",
    "ImportedModel",
    "Inference",
    "InvocationLogging",
    "JobMachine",
    "Judge",
    "JumpStartCatalogue",
    "JumpStartEndpoint",
    "JumpStartModel",
    "KnowledgeBase",
    "ModelAccess",
    "ModelDeployment",
    "ModelEndpoint",
    "ModelHub",
    "ModelMonitoring",
    "ModelParameters",
    "ModelWatch",
    "OpenSearchStore",
    "Parsing",
    "Prompt",
    "PromptFlow",
    "PromptRouter",
    "ProvisionedThroughput",
    "S3VectorStore",
    "ScreenedSource",
    "Search",
    "ShadowModel",
    "SignedDataSets",
    "Studio",
    "TrafficShift",
    "VectorStore",
    "WarmHours",
    "Weights",
    "WorkingHours",
]

__getattr__ = exports(
    __name__,
    {
        "..data.bedrock": (
            "BedrockCatalogue",
            "BedrockModel",
        ),
        "..data.jumpstart": (
            "JumpStartCatalogue",
            "JumpStartModel",
        ),
        "..data.bedrock_parameters": ("ModelParameters",),
        ".application_profiles": ("ApplicationProfiles",),
        ".approved_endpoint": ("ApprovedEndpoint",),
        ".aurora_store": ("AuroraStore",),
        ".batch_inference": ("BatchInference",),
        ".customized_model": ("CustomizedModel",),
        ".data_sets": ("SignedDataSets",),
        ".enforced_guardrail": ("EnforcedGuardrail",),
        ".evaluation": ("Evaluation",),
        ".experiments": ("Experiments",),
        ".fine_tuning": ("FineTuning",),
        ".guardrail": ("Guardrail",),
        ".guardrail_policy": (
            "DeniedTopic",
            "GuardrailPolicy",
        ),
        ".idle_sweeper": ("IdleSweeper",),
        ".imported_model": ("ImportedModel",),
        ".inference": ("Inference",),
        ".invocation_logging": ("InvocationLogging",),
        ".job_machine": ("JobMachine",),
        ".judge": ("Judge",),
        ".jumpstart_endpoint": (
            "BesideModel",
            "JumpStartEndpoint",
            "ShadowModel",
        ),
        ".knowledge_base": ("KnowledgeBase",),
        ".model_access": ("ModelAccess",),
        ".model_capacity": (
            "ModelDeployment",
            "ProvisionedThroughput",
        ),
        ".model_endpoint": ("ModelEndpoint",),
        ".model_hub": ("ModelHub",),
        ".model_monitoring": (
            "DriftLimits",
            "ModelMonitoring",
        ),
        ".model_watch": ("ModelWatch",),
        ".opensearch_store": ("OpenSearchStore",),
        ".prompt": ("Prompt",),
        ".prompt_flow": ("PromptFlow",),
        ".prompt_router": ("PromptRouter",),
        ".prompt_rules": ("FlowStep",),
        ".reading": (
            "Chunking",
            "Parsing",
            "Search",
        ),
        ".screened_source": ("ScreenedSource",),
        ".serving": (
            "AsyncInference",
            "DataCapture",
            "EndpointOptions",
        ),
        ".studio": ("Studio",),
        ".traffic": ("TrafficShift",),
        ".vector_store": (
            "S3VectorStore",
            "VectorStore",
        ),
        ".weights": ("Weights",),
        ".working_hours": (
            "WarmHours",
            "WorkingHours",
        ),
    },
)
