"""Deploys of the project's stacks: again, changed, broken, destroyed, interrupted."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from local import cdk, chat, emulator
from local.deploy import deploy, destroy
from local.home import Home, LocalError
from tests.conftest import ROOT

from .conftest import Local, edit, environment_of, verb

Variant = Callable[..., Path]
APPLICATION = "genai-local-application"


def test_a_second_deploy_changes_nothing(local: Local) -> None:
    done = verb(local.home, "deploy")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("unchanged") == len(cdk.stack_names(local.home)) == 5
    for word in ("created", "updated", "deleted"):
        assert word not in done.stdout


def test_a_changed_setting_updates_what_it_should(local: Local, variant: Variant, ask: Callable[..., Any]) -> None:
    started = _now(local)
    changed = variant("    mfa: optional\n", "    mfa: optional\n    max_tokens: 2\n")
    changes = local.deploy(changed)
    try:
        assert {name: str(change) for name, change in changes.items() if change} == {APPLICATION: "1 updated"}
        assert _touched(local, APPLICATION, started) == {"AWS::Lambda::Function"}
        assert ask("Hello").body["output_tokens"] == 2
    finally:
        local.deploy(variant())


def test_what_an_update_adds_is_created_and_what_it_drops_deleted(local: Local, variant: Variant) -> None:
    models, more = "genai-local-hosting", variant("  idle:\n    hours: 1\n", "")
    dropped = local.deploy(more)
    # Buckets with files that an earlier change has left are not deleted by this one either.
    assert str(dropped[models]).startswith("1 updated, 10 deleted")
    added = local.deploy(variant())
    assert str(added[models]).startswith("10 created, 1 updated")
    assert str(local.deploy(variant())[models]) == "unchanged"
    pages = local.client("cloudformation").get_paginator("describe_stack_events").paginate(StackName=models)
    clock = [
        each["ResourceStatus"]
        for page in pages
        for each in page["StackEvents"]
        if each["LogicalResourceId"].startswith("IdleTable")
    ]
    kinds = ("CREATE", "DELETE", "CREATE")
    assert clock == [f"{kind}_{end}" for kind in kinds for end in ("COMPLETE", "IN_PROGRESS")]
    table = local.client("cloudformation").describe_stack_resources(StackName=models)["StackResources"]
    statuses = {each["LogicalResourceId"][:9]: each["ResourceStatus"] for each in table}
    assert statuses["IdleTable"] == "CREATE_COMPLETE"


def test_what_an_update_replaces_is_told_as_such(local: Local, variant: Variant) -> None:
    try:
        changes = local.deploy(
            variant("    handbook:\n      sources", "    handbook:\n      dimension: 512\n      sources")
        )
        assert (changes["genai-local-models"].replaced, changes["genai-local-models"].deleted) == (3, 0)
    finally:
        local.deploy(variant())


def test_a_new_resource_of_an_update_that_fails_is_a_failed_creation(local: Local, variant: Variant) -> None:
    broken = variant()

    def add(template: dict[str, Any]) -> None:
        properties = {"EndpointConfigName": "missing"}
        template["Resources"]["Added"] = {"Type": "AWS::SageMaker::Endpoint", "Properties": properties}

    edit(broken, "models", add)
    with pytest.raises(LocalError, match=r"^genai-local-models: CREATE_FAILED AWS::SageMaker::Endpoint\n"):
        local.deploy(broken)


def test_a_named_bucket_that_does_not_exist_stops_the_deploy(local: Local, variant: Variant) -> None:
    lines = "  idle:\n    hours: 1\n  imported:\n    support: {uri: s3://nowhere-to-be-found/support/1}\n"
    assembly = variant("  idle:\n    hours: 1\n", lines)
    file = assembly.parent / "local.yaml"
    file.write_text(file.read_text().replace("trial: true\n", ""))
    with pytest.raises(
        LocalError, match=r"models\.imported\.support\.uri = s3://nowhere-to-be-found/support/1: the bucket"
    ):
        local.deploy(assembly)


def test_a_changed_guardrail_is_published_as_a_new_version(
    local: Local, variant: Variant, ask: Callable[..., Any]
) -> None:
    version = _function(local)["Environment"]["Variables"]["GUARDRAIL_VERSION"]
    changed = variant("denied_words: [project nightingale]", "denied_words: [project skylark]")
    local.deploy(changed)
    try:
        assert _function(local)["Environment"]["Variables"]["GUARDRAIL_VERSION"] != version
        assert ask("project skylark").status == 403
        assert ask("project nightingale").status == 200
    finally:
        local.deploy(variant())
    assert ask("project skylark").status == 200


def test_a_broken_update_is_told_in_one_place_and_rolled_back(
    local: Local, variant: Variant, ask: Callable[..., Any]
) -> None:
    broken = variant("    mfa: optional\n", "    mfa: optional\n    max_tokens: 2\n")

    def add_failure(template: dict[str, Any]) -> None:
        # The function is updated first; then the dashboard fails.
        resources = template["Resources"]
        (function,) = [
            name
            for name, each in resources.items()
            if each["Type"] == "AWS::Lambda::Function" and name.startswith("ChatFunction")
        ]
        (dashboard,) = [name for name, each in resources.items() if each["Type"] == "AWS::CloudWatch::Dashboard"]
        resources[dashboard]["DependsOn"] = [function]
        resources[dashboard]["Properties"]["DashboardBody"] = {"Fn::Select": [7, ["only one"]]}

    edit(broken, "application", add_failure)
    with pytest.raises(LocalError) as failure:
        local.deploy(broken)
    told = str(failure.value).splitlines()
    assert told[0] == f"{APPLICATION}: UPDATE_FAILED AWS::CloudWatch::Dashboard"
    assert told[1].startswith("  why     ")
    assert told[2:4] == [
        "  at      application/Dashboard/Resource",
        "  from    aws_genai.application.dashboard.Dashboard (application/Dashboard)",
    ]
    assert len(told) == 5
    status = local.client("cloudformation").describe_stacks(StackName=APPLICATION)["Stacks"][0]["StackStatus"]
    assert status == "UPDATE_ROLLBACK_COMPLETE"
    models = json.loads(_function(local)["Environment"]["Variables"]["MODELS"])
    assert {each["inferenceConfig"]["maxTokens"] for each in models.values()} == {1024}
    assert ask("Hello").status == 200


def test_a_type_without_a_handler_fails_by_name(local: Local, variant: Variant) -> None:
    unknown = variant()

    def add(template: dict[str, Any]) -> None:
        properties = {"InstanceType": "ml.t3.medium", "RoleArn": "arn:aws:iam::000000000000:role/x"}
        template["Resources"]["Notebook"] = {"Type": "AWS::SageMaker::NotebookInstance", "Properties": properties}

    edit(unknown, "models", add)
    with pytest.raises(LocalError, match=r"Unrecognized resource types: \[AWS::SageMaker::NotebookInstance\]"):
        local.deploy(unknown)


def test_a_first_deploy_that_fails_leaves_nothing(local: Local, variant: Variant) -> None:
    tenant = _other_account(local, "222222222222")
    before = inventory(tenant)
    broken = variant()

    def add(template: dict[str, Any]) -> None:
        template["Resources"]["Broken"] = {
            "Type": "AWS::SageMaker::Endpoint",
            "Properties": {"EndpointConfigName": "missing"},
            "DependsOn": list(template["Resources"]),
        }

    edit(broken, "foundation", add)
    with pytest.raises(LocalError, match="Could not find AWS::SageMaker::EndpointConfig 'missing'"):
        _deploy(local, tenant, broken)
    assert inventory(tenant) == before


def test_destroy_leaves_what_retention_says_and_a_redeploy_works(local: Local, variant: Variant) -> None:
    tenant, assembly = _other_account(local, "333333333333"), variant()
    before = inventory(tenant)
    home = _deploy(local, tenant, assembly)
    found = chat.deployed(tenant, cdk.stack_names(home))
    assert found is not None
    bedrock = tenant.client("bedrock")
    logged = bedrock.get_model_invocation_logging_configuration()["loggingConfig"]
    assert logged["cloudWatchConfig"]["logGroupName"]
    destroy(home, tenant, _quiet())
    assert "loggingConfig" not in bedrock.get_model_invocation_logging_configuration()
    left = inventory(tenant) - before
    templates = [cdk.template(home, name)["Resources"] for name in cdk.stack_names(home)]
    retained = {
        each["Type"]
        for template in templates
        for each in template.values()
        if str(each.get("DeletionPolicy")).startswith("Retain")
    }
    # What API Gateway needs to write logs belongs to the whole account, and outlives any one stack; a version that is
    # kept goes with its guardrail.
    assert retained == {"AWS::IAM::Role", "AWS::ApiGateway::Account", "AWS::Bedrock::GuardrailVersion"}
    assert {kind for kind, _ in left} == {"role"}
    assert all("ApiGatewayLogging" in name for _, name in left)
    _deploy(local, tenant, assembly)
    again = chat.deployed(tenant, cdk.stack_names(home))
    assert again is not None
    assert again != found


def test_an_account_killed_during_a_deploy_recovers(tmp_path: Path) -> None:
    home = Home(tmp_path / "killed")
    running = subprocess.Popen(
        [sys.executable, "-m", "local", "up"],
        cwd=ROOT,
        env=environment_of(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        account = _wait_for(lambda: emulator.find(home))
        _wait_for(lambda: _stacks(account) >= {"genai-local-foundation"})
        os.kill(account.pid, signal.SIGKILL)
        output, errors = running.communicate(timeout=60)
        assert running.returncode == 2, output + errors
        assert "The local account ended during the deploy. Run make local ENV=local again" in errors
        assert "Traceback" not in errors
        again = verb(home, "up")
        assert again.returncode == 0, again.stdout + again.stderr
        assert "no model answers for us.amazon.nova-lite-v1:0" in again.stdout
    finally:
        if running.poll() is None:
            running.kill()
        down = verb(home, "down")
    assert (down.returncode, down.stdout) == (0, "The local account is gone.\n")
    assert not home.folder.exists()


def test_without_an_account_each_verb_says_what_to_do(tmp_path: Path) -> None:
    home = Home(tmp_path / "none")
    for name in ("deploy", "ask", "status"):
        done = verb(home, name)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == "No local account runs. Start it with make local.\n"
    assert verb(home, "down").returncode == 0
    wrong = verb(home, "up", "--environment", "locale")
    assert wrong.returncode == 2
    assert "there is no such environment" in wrong.stderr
    assert not home.folder.exists() or not list(home.folder.iterdir())


def test_other_settings_need_an_account_of_their_own(local: Local) -> None:
    refused = verb(local.home, "up", "--environment", "reference")
    assert refused.returncode == 2
    assert "Run make local-down first" in refused.stderr


# What the tests above are made of.


def _quiet() -> Console:
    return Console(file=io.StringIO(), force_terminal=True)


def _now(local: Local) -> set[str]:
    pages = local.client("cloudformation").get_paginator("describe_stack_events").paginate(StackName=APPLICATION)
    return {event["EventId"] for page in pages for event in page["StackEvents"]}


def _touched(local: Local, stack: str, seen: set[str]) -> set[str]:
    pages = local.client("cloudformation").get_paginator("describe_stack_events").paginate(StackName=stack)
    events = [event for page in pages for event in page["StackEvents"] if event["EventId"] not in seen]
    return {event["ResourceType"] for event in events} - {"AWS::CloudFormation::Stack"}


def _function(local: Local) -> dict[str, Any]:
    name = local.resource("application", "AWS::Lambda::Function", "ChatFunction")
    found: dict[str, Any] = local.client("lambda").get_function_configuration(FunctionName=name)
    return found


def _other_account(local: Local, number: str) -> emulator.Account:
    """Another account in the same process, apart from the first as accounts are."""
    tenant = replace(local.account, account=number)
    # What the CLI does at ``cdk bootstrap``, without its start.
    tenant.client("cloudformation").create_stack(
        StackName="CDKToolkit",
        TemplateBody=cdk.BOOTSTRAP.read_text(encoding="utf-8"),
        Parameters=[
            {
                "ParameterKey": "CloudFormationExecutionPolicies",
                "ParameterValue": "arn:aws:iam::aws:policy/AdministratorAccess",
            }
        ],
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    emulator.settle(tenant)
    return tenant


def _deploy(local: Local, tenant: emulator.Account, assembly: Path) -> Home:
    home = Home(local.home.folder)
    home.assembly = assembly
    deploy(home, tenant, "local", _quiet())
    return home


def _stacks(account: emulator.Account) -> set[str]:
    return {each["StackName"] for each in account.client("cloudformation").describe_stacks()["Stacks"]}


def _wait_for(found: Callable[[], Any], seconds: float = 120) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        result = found()
        if result:
            return result
        time.sleep(0.05)
    raise AssertionError("nothing came in time")


#: How to list what the stacks make, as (service, operation, member of the answer, member that names each).
_LISTS = [
    ("alarm", "cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"),
    ("alias", "kms", "list_aliases", "Aliases", "AliasName"),
    ("api", "apigateway", "get_rest_apis", "items", "id"),
    ("autoscaling group", "autoscaling", "describe_auto_scaling_groups", "AutoScalingGroups", "AutoScalingGroupName"),
    ("bucket", "s3", "list_buckets", "Buckets", "Name"),
    ("dashboard", "cloudwatch", "list_dashboards", "DashboardEntries", "DashboardName"),
    ("endpoint", "ec2", "describe_vpc_endpoints", "VpcEndpoints", "VpcEndpointId"),
    ("flow log", "ec2", "describe_flow_logs", "FlowLogs", "FlowLogId"),
    ("function", "lambda", "list_functions", "Functions", "FunctionName"),
    ("guardrail", "bedrock", "list_guardrails", "guardrails", "id"),
    ("instance profile", "iam", "list_instance_profiles", "InstanceProfiles", "InstanceProfileName"),
    ("launch template", "ec2", "describe_launch_templates", "LaunchTemplates", "LaunchTemplateId"),
    ("layer", "lambda", "list_layers", "Layers", "LayerName"),
    ("log group", "logs", "describe_log_groups", "logGroups", "logGroupName"),
    ("queue", "sqs", "list_queues", "QueueUrls", ""),
    ("role", "iam", "list_roles", "Roles", "RoleName"),
    ("rule", "events", "list_rules", "Rules", "Name"),
    ("security group", "ec2", "describe_security_groups", "SecurityGroups", "GroupId"),
    ("subnet", "ec2", "describe_subnets", "Subnets", "SubnetId"),
    ("topic", "sns", "list_topics", "Topics", "TopicArn"),
    ("trail", "cloudtrail", "describe_trails", "trailList", "Name"),
    ("vpc", "ec2", "describe_vpcs", "Vpcs", "VpcId"),
]
_RECORDS = (
    "AWS::ApplicationAutoScaling::ScalableTarget",
    "AWS::ApplicationAutoScaling::ScalingPolicy",
    "AWS::SageMaker::Endpoint",
    "AWS::SageMaker::EndpointConfig",
    "AWS::SageMaker::Model",
    "AWS::WAFv2::LoggingConfiguration",
    "AWS::WAFv2::WebACLAssociation",
)


def inventory(account: emulator.Account) -> set[tuple[str, str]]:
    """Everything that an account holds of what the stacks make, by kind and name."""
    held: set[tuple[str, str]] = set()
    for kind, service, operation, member, name in _LISTS:
        for each in getattr(account.client(service), operation)().get(member, []):
            held.add((kind, each[name] if name else each))
    keys = account.client("kms")
    for key in keys.list_keys()["Keys"]:
        # A deleted key waits out its days.
        if keys.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"] != "PendingDeletion":
            held.add(("key", key["KeyId"]))
    held |= {("policy", each["Arn"]) for each in account.client("iam").list_policies(Scope="Local").get("Policies", [])}
    held |= {("web acl", each["Id"]) for each in account.client("wafv2").list_web_acls(Scope="REGIONAL")["WebACLs"]}
    pools = account.client("cognito-idp").list_user_pools(MaxResults=60)["UserPools"]
    held |= {("user pool", each["Id"]) for each in pools}
    budgets = account.client("budgets").describe_budgets(AccountId=account.account).get("Budgets", [])
    held |= {("budget", each["BudgetName"]) for each in budgets}
    records = account.client("cloudcontrol")
    for resource_type in _RECORDS:
        for each in records.list_resources(TypeName=resource_type)["ResourceDescriptions"]:
            held.add((resource_type, json.dumps(each["Identifier"])))
    return held
