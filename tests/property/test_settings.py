"""Any valid settings synthesize without a finding; any spoilt ones are refused with a message."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings, strategies as st

from aws_genai.data.accelerators import AcceleratorCatalogue
from aws_genai.data.bedrock import BedrockCatalogue, check_model, destinations
from aws_genai.data.jumpstart import JumpStartCatalogue
from aws_genai.errors import InvalidValueError
from aws_genai.gate import CompliancePack, synth
from settings import Settings, SettingsError, load
from stacks import assemble
from tests.support import new_app

REGION = "us-west-2"
PACKS = ["nist-800-53-r5", "hipaa", "pci-dss"]
words = st.from_regex(r"[a-z][a-z0-9]{0,7}", fullmatch=True)
names = st.from_regex(r"[a-z][a-z0-9]{0,7}(-[a-z0-9]{1,4})?", fullmatch=True)
FLEET_TYPES = [
    each for each in AcceleratorCatalogue.default().types() if each.family != "inf1" and REGION in each.zones
]


@st.composite
def fleets(draw: st.DrawFn) -> dict[str, Any]:
    chosen = draw(st.sampled_from(FLEET_TYPES))
    most = draw(st.integers(1, 100))
    efa = bool(chosen.efa_interfaces) and draw(st.booleans())
    alike = [
        each.instance_type
        for each in FLEET_TYPES
        if each != chosen
        and (each.platform, each.architecture) == (chosen.platform, chosen.architecture)
        and not (efa and (each.efa_cards, each.network_cards) != (chosen.efa_cards, chosen.network_cards))
    ]
    others = draw(st.lists(st.sampled_from(alike), max_size=3, unique=True)) if alike else []
    content: dict[str, Any] = {
        "instance_type": chosen.instance_type,
        "alternatives": others,
        "max_instances": most,
        "efa": efa,
        "cluster": draw(st.booleans()),
        "work_queue": draw(st.booleans()),
        "messages_per_instance": draw(st.integers(1, 1000)),
        "idle_minutes": draw(st.integers(5, 1440)),
        "idle_to_zero": draw(st.booleans()),
        "schedules": draw(
            st.lists(
                st.fixed_dictionaries({"cron": st.just("0 7 * * *"), "instances": st.integers(0, most)}), max_size=2
            )
        ),
    }
    ways: list[dict[str, Any]] = [{}, {"spot": {}}, {"spot": {"on_demand_base": 2, "on_demand_percent": 50}}]
    if not others:
        ways.append({"reserved": {"reservation_id": "cr-0123456789abcdef0"}})
        if chosen.has_capacity_blocks:
            times = {"start": datetime(2027, 1, 4, tzinfo=UTC), "end": datetime(2027, 1, 9, tzinfo=UTC)}
            ways.append({"block": {"reservation_id": "cr-0123456789abcdef0", "instances": 1, **times}})
    content["capacity"] = draw(st.sampled_from(ways))
    if not others and draw(st.booleans()):
        del content["instance_type"]
        content["needs"] = {"platform": chosen.platform.value, "architecture": chosen.architecture}
        # The cheapest type of all may not be sold this way, or have no such adapter.
        content["capacity"], content["efa"] = draw(st.sampled_from([{}, {"spot": {}}])), False
    return content


@st.composite
def queues(draw: st.DrawFn, files: bool) -> dict[str, Any]:
    chosen = draw(st.sampled_from(FLEET_TYPES))
    nodes = draw(st.integers(1, 4)) if chosen.cluster_placement else 1
    ways: list[dict[str, Any]] = [{}, {"reserved": {"reservation_id": "cr-0123456789abcdef0"}}]
    return {
        "instance_type": chosen.instance_type,
        "image": f"111122223333.dkr.ecr.{REGION}.amazonaws.com/train:1",
        "nodes": nodes,
        "max_instances": nodes + draw(st.integers(0, 4)),
        "efa": bool(chosen.efa_interfaces) and draw(st.booleans()),
        "capacity": draw(st.sampled_from([*ways, {"spot": {}}] if nodes == 1 else ways)),
        "shares": draw(st.sampled_from([{}, {"a": 1.0, "b": 2.5}])),
        "file_system": files and draw(st.booleans()),
    }


@st.composite
def clusters(draw: st.DrawFn, files: bool) -> dict[str, Any]:
    kinds = ["ml.trn1.32xlarge", "ml.p5.48xlarge", "ml.g5.12xlarge", "ml.c5.large"]
    chosen = draw(st.sampled_from(kinds))
    content: dict[str, Any] = {
        "groups": {"workers": {"instance_type": chosen, "instances": draw(st.integers(1, 8))}},
        "file_system": files and draw(st.booleans()),
    }
    if draw(st.booleans()):
        content["eks"] = {"cluster_arn": f"arn:aws:eks:{REGION}:111122223333:cluster/research"}
    elif draw(st.booleans()):
        content["scripts"] = "pretraining"
    return content


def _apart(members: dict[str, Any], taken: set[str]) -> dict[str, Any]:
    """Members whose names nothing else in the stack has, hyphens aside."""
    found: dict[str, Any] = {}
    for name, each in members.items():
        if (plain := name.replace("-", "")) not in taken:
            found[name] = each
            taken.add(plain)
    return found


def _given(content: Any) -> Any:
    """Content without what is None: a file leaves such keys out."""
    if isinstance(content, dict):
        return {key: _given(each) for key, each in content.items() if each is not None}
    return content


def _callable(model: str) -> bool:
    try:
        check_model(model, REGION)
    except InvalidValueError:
        return False
    return True


CHAT_MODELS = [
    name for name in BedrockCatalogue.names() if _callable(name) and BedrockCatalogue.get(name).mode == "chat"
]
EMBEDDING = "amazon.titan-embed-text-v2:0"
SITE = {"urls": ["https://docs.example.com/"], "groups": ["hr"], "most_pages": 10}
CHUNKING = st.fixed_dictionaries({"strategy": st.sampled_from(["fixed", "hierarchical", "semantic", "none"])})
OTHER_MODELS = [name for name in BedrockCatalogue.names() if _callable(name) and name not in CHAT_MODELS]


@st.composite
def endpoints(draw: st.DrawFn) -> dict[str, Any]:
    available = [name for name in JumpStartCatalogue.names() if REGION in JumpStartCatalogue.get(name).regions]
    model = JumpStartCatalogue.get(draw(st.sampled_from(available)))
    least = draw(st.integers(1, 3))
    content: dict[str, Any] = {
        "model": model.model_id,
        "accept_eula": bool(model.eula) or draw(st.booleans()),
        "min_instances": least,
        "max_instances": least + draw(st.integers(0, 5)),
        "data_capture_percent": draw(st.sampled_from([0, 1, 100])),
        "scale_to_zero": least == 1 and draw(st.booleans()),
    }
    if draw(st.integers(0, 4)) == 0:
        del content["model"], content["accept_eula"]
        server, instance_type = draw(
            st.sampled_from([("vllm", "ml.g6.12xlarge"), ("tgi", "ml.g5.2xlarge"), (None, "ml.inf2.xlarge")])
        )
        content |= {"weights": {"uri": "s3://mine/model/1", "server": server}, "instance_type": instance_type}
    if not content["scale_to_zero"]:
        content |= draw(
            st.sampled_from(
                [
                    {},
                    {"traffic": {"kind": "linear", "percent": 10}},
                    {"traffic": {"percent": 1, "wait_seconds": 0}},
                    *([{"asynchronous": {"concurrent": 1}}] if least == 1 else []),
                ]
            )
        )
    goes = content["scale_to_zero"] or "asynchronous" in content
    warm = draw(st.integers(0, 8))
    if (0 if goes else least) < warm <= content["max_instances"]:
        content["warm"] = {"instances": warm, "time_zone": draw(st.sampled_from(["Etc/UTC", "Asia/Tokyo"]))}
    if "model" in content and draw(st.booleans()):
        content["instance_type"] = draw(st.sampled_from(model.supported_instance_types))
    return content


@st.composite
def tuned(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "model": draw(st.sampled_from(JumpStartCatalogue.trainable())),
        "accept_eula": True,
        "method": draw(st.sampled_from(["instruction", "chat", "domain"])),
        "hyperparameters": draw(st.sampled_from([{}, {"epoch": 3, "learning_rate": 0.001}, {"peft_type": "None"}])),
        "spot": draw(st.booleans()),
        "thresholds": draw(st.sampled_from([{"f1": 0.0}, {"exact_match": 1, "rouge_l": 0.5}])),
    }


@st.composite
def platform(draw: st.DrawFn, recorded: bool) -> dict[str, Any]:
    content: dict[str, Any] = {}
    if draw(st.integers(0, 3)) == 0:
        content["hub"] = {"models": ["huggingface-llm-mistral-7b-instruct-v3"]}
    if draw(st.integers(0, 3)) == 0:
        content["studio"] = {"people": draw(st.sampled_from([{}, {"ann": "approver", "bob": "data-scientist"}]))}
    if recorded and draw(st.booleans()):
        content["monitoring"] = {"drift": draw(st.floats(0.01, 1)), "hours": draw(st.integers(1, 24))}
    return content


#: Ways of users to sign in.
SIGN_INS: list[dict[str, Any]] = [
    {},
    {"passkeys": True, "domain_prefix": "acme-chat", "logout_urls": []},
    {"federation": {"saml": {"metadata_url": "https://login.example.com/metadata"}, "groups": "memberOf"}},
]


@st.composite
def environments(draw: st.DrawFn) -> dict[str, Any]:
    zones = draw(st.lists(st.sampled_from("abcd"), min_size=1, max_size=4, unique=True))
    content: dict[str, Any] = {
        "project": draw(words),
        "environment": draw(words),
        "account": draw(st.none() | st.just("111122223333")),
        "region": REGION,
        "owner": draw(st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=1, max_size=10)),
        "cost_center": "1",
        "budget": {"monthly_usd": draw(st.floats(1, 1e6))},
        "security": {
            "packs": draw(st.lists(st.sampled_from(PACKS), unique=True)),
            "audit_trail": draw(st.booleans()),
            "retain": draw(st.booleans()),
            "replicas": draw(st.booleans()),
            "private_functions": draw(st.booleans()),
            "reserved_concurrency": draw(st.booleans()),
            "log_days": draw(st.sampled_from([1, 30, 365, 3653])),
        },
        "network": {
            "cidr": draw(st.sampled_from(["10.0.0.0/16", "192.168.4.0/24"])),
            "zones": [REGION + zone for zone in zones],
        },
    }
    if content["security"]["packs"]:
        content["security"]["reserved_concurrency"] = True
        content["security"]["replicas"] = True
    if draw(st.booleans()):
        taken: set[str] = set()
        content["compute"] = {"fleets": _apart(draw(st.dictionaries(names, fleets(), min_size=1, max_size=3)), taken)}
        if draw(st.booleans()):
            files = draw(st.booleans())
            content["compute"] |= {
                "storage": {"lock_days": 7, **({"file_system": {"capacity_gib": 1200}} if files else {})},
                "queues": _apart(draw(st.dictionaries(names, queues(files), max_size=2)), taken),
                "clusters": _apart(draw(st.dictionaries(names, clusters(files), max_size=2)), taken),
            }
        if draw(st.booleans()):
            content["compute"]["weights"] = {"publisher_role": "arn:aws:iam::111122223333:role/publisher"}
        if draw(st.booleans()):
            content["compute"].setdefault("weights", {})["break_glass_role"] = "arn:aws:iam::111122223333:role/glass"
            content["security"]["audit_trail"] = True
    models: dict[str, Any] = {}
    if draw(st.booleans()):
        if draw(st.integers(0, 3)) == 0:
            models["fine_tuning"] = {"pipelines": {"tuned": draw(tuned())}}
        models["endpoints"] = _apart(draw(st.dictionaries(names, endpoints(), max_size=2)), set())
        models |= draw(platform(any(each["data_capture_percent"] for each in models["endpoints"].values())))
        models["idle"] = draw(st.sampled_from([None, {"hours": 2, "dry_run": True}, {"working_hours": {"start": 7}}]))
    if draw(st.booleans()):
        chat = draw(st.lists(st.sampled_from(CHAT_MODELS), min_size=1, max_size=3, unique=True))
        others = draw(st.lists(st.sampled_from(OTHER_MODELS), max_size=2, unique=True))
        if draw(st.booleans()):
            others = sorted({*others, EMBEDDING})
            sources = {"policies": {"groups": ["staff"]}}
            elsewhere = draw(
                st.sampled_from(
                    [
                        {},
                        {"custom": {"handed": {"groups": ["staff"]}}},
                        {"web": {"site": SITE}},
                        {"documents": {"bucket": "documents-of-mine", "prefix": "wiki/"}},
                    ]
                )
            )
            models["knowledge"] = {draw(names): {"sources": sources, "chunking": draw(CHUNKING), **elsewhere}}
        models["imported"] = draw(st.sampled_from([{}, {"own": {"uri": "s3://models-of-mine/own/1"}}]))
        prompt = {"text": "Say {{what}}", "model": chat[0], "tests": [{"given": {"what": "hi"}}]}
        models["prompts"] = draw(st.sampled_from([{}, {"say": prompt}]))
        if models["prompts"]:
            asked = {"prompt": "say", "given": {"what": "input"}}
            after = {"prompt": "say", "given": {"what": "first"}, "when": {"first": "yes"}}
            rest = {**after, "when": {"first": "otherwise"}}
            flows = [{}, {"one": {"steps": {"first": asked}}}]
            flows.append({"ways": {"steps": {"first": asked, "then": after, "else": rest}, "keep_versions": True}})
            models["flows"] = draw(st.sampled_from(flows))
        unit = {"model": f"arn:aws:bedrock:{REGION}::foundation-model/amazon.nova-lite-v1:0", "units": 1}
        models["provisioned"] = draw(st.sampled_from([{}, {"peak": {**unit, "usd_per_hour": 20}}]))
        models["batches"] = draw(st.sampled_from([{}, {"all": {"model": chat[0], "most_failed_percent": 1}}]))
        models["evaluations"] = draw(st.sampled_from([{}, {"all": {"models": chat, "thresholds": {"f1": 0.5}}}]))
        models["bedrock"] = {
            "models": chat + others,
            "regions": draw(
                st.sampled_from([[], sorted({to for each in chat + others for to in destinations(each, REGION)})])
            ),
            "application_profiles": draw(st.booleans()),
            "enforce": draw(st.sampled_from([None, {}])),
            "invocation_log": draw(st.sampled_from([None, {}, {"mask": ["Name"]}])),
            "watch": draw(st.sampled_from([None, {"usd_per_hour": 1}])),
        }
        if draw(st.booleans()):
            mfa = draw(st.sampled_from(["required", "optional"]))
            budget = draw(st.sampled_from([None, {}, {"requests_per_day": 1, "blocks_per_day": 3}]))
            knobs = {chat[0]: {"max_tokens": 90, "stop_sequences": ["END"]}} if draw(st.booleans()) else {}
            known = next(iter(models.get("knowledge", {})), None)
            asked = {"max_tokens": 100, "mfa": mfa, "budget": budget, "parameters": knobs, "knowledge": known}
            asked |= draw(st.sampled_from(SIGN_INS))
            machine = {"scopes": ["ask", "history"], "groups": ["staff"], **({"budget": {}} if budget else {})}
            tables = {"tables": ["shop.orders"], "data": [{"location": "s3://shop-data/"}], "max_rows": 5}
            limits = {"languages": ["python"], "session_seconds": 30}
            maker = st.sampled_from(
                [
                    {},
                    {"groups": ["board"]},
                    {"kind": "insight", "insight": tables},
                    {"kind": "code"},
                    {"kind": "code", "code": limits},
                ]
            )
            content["application"] = {
                "chat": asked,
                "dashboard": draw(st.booleans()),
                "edge": draw(
                    st.sampled_from([None, {}, {"countries": ["DE"], "bot_control": True, "rotation_days": 1}])
                ),
                "machines": draw(st.sampled_from([{}, {"reports": {}}, {"reports": machine, "export": {}}])),
                "assistants": draw(st.dictionaries(st.sampled_from(["one", "two"]), maker)),
            }
    if "application" not in content and "bedrock" in models:
        models["bedrock"]["watch"] = None
    if models:
        content["models"] = models
    return content


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(content=environments())
def test_valid_settings_synthesize_without_findings(content: dict[str, Any]) -> None:
    chosen = Settings.model_validate(content)
    app = new_app(packs=[CompliancePack(pack) for pack in chosen.security.packs])
    assemble(app, chosen)
    synth(app)


SPOILERS: list[tuple[str, Any]] = [
    ("project", "Has Capitals"),
    ("region", "us-west-22"),
    ("region", 7),
    ("owner", ""),
    ("budget", {"monthly_usd": 0}),
    ("security", {"pakcs": []}),
    ("security", "strict"),
    ("network", {"zones": []}),
    ("network", {"zones": [f"{REGION}a"], "cidr": "10.0.0.0/30"}),
    ("compute", {"fleets": {}}),
    ("compute", {"fleets": {"one": {"instance_type": "m7i.large"}}}),
    ("models", {"bedrock": {"models": []}}),
    ("models", {"endpoints": {"one": {"model": "gpt"}}}),
    ("application", {"chat": {"temperature": 3}}),
    ("application", {"chat": {}, "edge": {"countries": ["Germany"]}}),
    ("unknown", 1),
]


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(content=environments(), spoiler=st.sampled_from(SPOILERS))
def test_spoilt_settings_are_refused(tmp_path: Path, content: dict[str, Any], spoiler: tuple[str, Any]) -> None:
    key, value = spoiler
    name = content["environment"]
    (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(_given({**content, key: value})), encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load(name, tmp_path)
    assert all(line.startswith(f"{tmp_path.name}/{name}.yaml: ") for line in str(caught.value).splitlines())
    assert key in str(caught.value)
