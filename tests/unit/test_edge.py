"""CloudFront in front of the chat API: what the distribution does, what the API refuses, and who may change the secret."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Match, Template

from aws_genai.application import (
    ChatOptions,
    CustomDomain,
    Edge,
    EdgeDomain,
    EdgeFirewall,
    EdgeLogs,
    EdgeOptions,
    Firewall,
    FirewallOptions,
    OriginSecret,
    PrivateApi,
)
from aws_genai.application.chat_api import ChatApi
from aws_genai.errors import InvalidValueError
from aws_genai.foundation import Foundation
from aws_genai.testing import assert_allows, assert_denies
from settings import SettingsError, load
from stacks import assemble
from tests.support import ALL_PACKS, findings_of, new_app, new_stack, template_of
from tests.unit.test_application import chat

CERTIFICATE = "arn:aws:acm:us-east-1:111122223333:certificate/1234abcd-12ab-34cd-56ef-1234567890ab"
ACL = "arn:aws:wafv2:us-east-1:111122223333:global/webacl/edge/1234abcd-12ab-34cd-56ef-1234567890ab"
ALL_METHODS = {"GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"}


def edge(stack: cdk.Stack, *, network: Any = None, connects: tuple[str, ...] = (), **options: Any) -> Edge:
    chosen = EdgeOptions(**options)
    foundation = Foundation(stack, network=network, private_functions=network is not None)
    secret = OriginSecret(stack, "OriginSecret", foundation=foundation, options=chosen)
    api = chat(stack, foundation=foundation, origin=secret)
    firewall = EdgeFirewall(stack, "EdgeFirewall", foundation=foundation, name="assistant-edge", edge=chosen)
    return Edge(
        stack,
        "Edge",
        foundation=foundation,
        name="assistant",
        api=api,
        firewall_arn=firewall.acl_arn,
        options=chosen,
        connects=connects,
    )


@pytest.fixture(scope="module")
def plain() -> Template:
    return template_of(edge)


def config(template: Template) -> dict[str, Any]:
    (distribution,) = template.find_resources("AWS::CloudFront::Distribution").values()
    found: dict[str, Any] = distribution["Properties"]["DistributionConfig"]
    return found


def acls(template: Template) -> dict[str, dict[str, Any]]:
    found = template.find_resources("AWS::WAFv2::WebACL").values()
    return {each["Properties"]["Scope"]: each["Properties"] for each in found}


def test_the_api_streams_and_is_not_cached(plain: Template) -> None:
    (behavior,) = config(plain)["CacheBehaviors"]
    assert behavior["PathPattern"] == "/v1/*"
    assert behavior["ViewerProtocolPolicy"] == "https-only"
    assert set(behavior["AllowedMethods"]) == ALL_METHODS
    assert behavior["Compress"] is False
    # CachingDisabled and AllViewerExceptHostHeader
    assert behavior["CachePolicyId"] == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
    assert behavior["OriginRequestPolicyId"] == "b689b0a8-53d0-40ab-baf2-68738e2966ac"
    origin = config(plain)["Origins"][0]
    assert origin["Id"] == behavior["TargetOriginId"]
    assert "OriginPath" not in origin  # paths begin with the stage
    assert origin["CustomOriginConfig"]["OriginProtocolPolicy"] == "https-only"
    assert origin["CustomOriginConfig"]["OriginSSLProtocols"] == ["TLSv1.2"]
    # Four pings of a stream, and twice the longest other response.
    assert origin["CustomOriginConfig"]["OriginReadTimeout"] == 60


def test_the_page_is_a_private_bucket_of_this_distribution(plain: Template) -> None:
    behavior = config(plain)["DefaultCacheBehavior"]
    assert (behavior["TargetOriginId"], behavior["ViewerProtocolPolicy"]) == ("page", "redirect-to-https")
    assert behavior["AllowedMethods"] == ["GET", "HEAD"]
    origin = config(plain)["Origins"][1]
    assert origin["OriginAccessControlId"]
    assert origin["S3OriginConfig"] == {"OriginAccessIdentity": ""}
    plain.has_resource_properties(
        "AWS::CloudFront::OriginAccessControl",
        {"OriginAccessControlConfig": Match.object_like({"SigningBehavior": "always", "SigningProtocol": "sigv4"})},
    )
    policies = [each["Properties"] for each in plain.find_resources("AWS::S3::BucketPolicy").values()]
    statements = [each for policy in policies for each in policy["PolicyDocument"]["Statement"]]
    (read,) = [each for each in statements if each.get("Sid") == "Distribution"]
    assert read["Action"] == ["s3:GetObject"]
    assert read["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    (distribution,) = plain.find_resources("AWS::CloudFront::Distribution")
    assert {"Ref": distribution} in read["Condition"]["StringEquals"]["aws:SourceArn"]["Fn::Join"][1]


def test_only_distributions_of_the_account_decrypt_the_page(plain: Template) -> None:
    (key,) = plain.find_resources("AWS::KMS::Key").values()
    (statement,) = [each for each in key["Properties"]["KeyPolicy"]["Statement"] if each["Sid"] == "CloudFront"]
    assert statement["Action"] == ["kms:Decrypt"]
    arn = "".join(
        part if isinstance(part, str) else "."
        for part in statement["Condition"]["ArnLike"]["aws:SourceArn"]["Fn::Join"][1]
    )
    assert arn == "arn:.:cloudfront::.:distribution/*"


def test_responses_have_security_headers(plain: Template) -> None:
    (policy,) = plain.find_resources("AWS::CloudFront::ResponseHeadersPolicy").values()
    headers = policy["Properties"]["ResponseHeadersPolicyConfig"]["SecurityHeadersConfig"]
    assert all(each["Override"] is True for each in headers.values())
    assert headers["StrictTransportSecurity"]["AccessControlMaxAgeSec"] == 31_536_000
    assert headers["FrameOptions"]["FrameOption"] == "DENY"
    csp = dict(each.split(" ", 1) for each in headers["ContentSecurityPolicy"]["ContentSecurityPolicy"].split("; "))
    assert csp["default-src"] == "'none'"
    assert csp["script-src"] == csp["style-src"] == csp["connect-src"] == "'self'"
    assert csp["require-trusted-types-for"] == "'script'"
    assert "unsafe" not in str(csp)
    for behavior in (config(plain)["DefaultCacheBehavior"], *config(plain)["CacheBehaviors"]):
        assert behavior["ResponseHeadersPolicyId"]


def test_a_page_may_call_the_sign_in() -> None:
    template = template_of(lambda stack: edge(stack, connects=("https://sign-in.example.com",)))
    assert "connect-src 'self' https://sign-in.example.com;" in json.dumps(template.to_json())


def test_the_api_refuses_what_has_no_secret(plain: Template) -> None:
    (rule,) = acls(plain)["REGIONAL"]["Rules"]
    assert rule["Action"] == {"Block": {}}
    matched = rule["Statement"]["NotStatement"]["Statement"]["RegexPatternSetReferenceStatement"]
    assert matched["FieldToMatch"] == {"SingleHeader": {"Name": "x-origin-verify"}}
    assert matched["TextTransformations"] == [{"Priority": 0, "Type": "NONE"}]
    (accepted,) = plain.find_resources("AWS::WAFv2::RegexPatternSet")
    assert matched["Arn"] == {"Fn::GetAtt": [accepted, "Arn"]}


def test_the_secret_is_in_no_template_log_or_sample(plain: Template) -> None:
    (secret,) = plain.find_resources("AWS::SecretsManager::Secret")
    reference = {"Fn::Join": ["", ["{{resolve:secretsmanager:", {"Ref": secret}, ":SecretString}}"]]}
    assert config(plain)["Origins"][0]["OriginCustomHeaders"] == [
        {"HeaderName": "x-origin-verify", "HeaderValue": reference}
    ]
    (accepted,) = plain.find_resources("AWS::WAFv2::RegexPatternSet").values()
    (pattern,) = accepted["Properties"]["RegularExpressionList"]
    assert pattern["Fn::Join"][1] == ["^{{resolve:secretsmanager:", {"Ref": secret}, ":SecretString}}$"]
    acl = acls(plain)["REGIONAL"]
    for each in (acl["VisibilityConfig"], acl["Rules"][0]["VisibilityConfig"]):
        assert each["SampledRequestsEnabled"] is False
    logged = [each["Properties"] for each in plain.find_resources("AWS::WAFv2::LoggingConfiguration").values()]
    redacted = [[field["SingleHeader"]["Name"] for field in each["RedactedFields"]] for each in logged]
    assert sorted(redacted) == [["authorization"], ["authorization", "x-origin-verify"]]
    generated = plain.find_resources("AWS::SecretsManager::Secret")[secret]["Properties"]
    assert generated["GenerateSecretString"] == {"PasswordLength": 64, "ExcludePunctuation": True}
    assert generated["KmsKeyId"]


def test_rates_by_address_and_user_are_at_the_edge() -> None:
    template = template_of(lambda stack: edge(stack, requests_per_user=50, bot_control=True))
    rules = {each["Name"]: each for each in acls(template)["CLOUDFRONT"]["Rules"]}
    assert list(rules) == [
        "AWSManagedRulesCommonRuleSet",
        "AWSManagedRulesKnownBadInputsRuleSet",
        "RateLimit",
        "UserRateLimit",
        "AWSManagedRulesBotControlRuleSet",
    ]
    assert rules["RateLimit"]["Statement"]["RateBasedStatement"] == {"Limit": 300, "AggregateKeyType": "IP"}
    user = rules["UserRateLimit"]["Statement"]["RateBasedStatement"]
    assert (user["Limit"], user["AggregateKeyType"]) == (50, "CUSTOM_KEYS")
    assert user["CustomKeys"][0]["Header"]["Name"] == "authorization"
    bots = rules["AWSManagedRulesBotControlRuleSet"]["Statement"]["ManagedRuleGroupStatement"]
    assert bots["ManagedRuleGroupConfigs"] == [{"AWSManagedRulesBotControlRuleSet": {"InspectionLevel": "COMMON"}}]


def test_allowed_addresses_are_those_of_viewers() -> None:
    def build(stack: cdk.Stack) -> None:
        options = FirewallOptions(allowed_addresses=["203.0.113.0/24"])
        EdgeFirewall(stack, "Firewall", foundation=Foundation(stack), name="edge", options=options)

    template = template_of(build)
    template.has_resource_properties("AWS::WAFv2::IPSet", {"Scope": "CLOUDFRONT", "Addresses": ["203.0.113.0/24"]})


def test_the_function_may_change_one_set_one_secret_and_one_distribution(plain: Template) -> None:
    template = plain.to_json()
    (role,) = [
        each for each in template["Resources"] if each.startswith("OriginSecretRotationRole") and "Perm" not in each
    ]
    (distribution,) = plain.find_resources("AWS::CloudFront::Distribution")
    (accepted,) = plain.find_resources("AWS::WAFv2::RegexPatternSet")
    (secret,) = plain.find_resources("AWS::SecretsManager::Secret")
    account = "111122223333"
    arn = f"arn:aws:cloudfront::{account}:distribution/{distribution}"
    sets = f"arn:aws:wafv2:us-east-1:{account}:regional"
    secrets = f"arn:aws:secretsmanager:us-east-1:{account}:secret"
    assert_allows(template, role, "cloudfront:UpdateDistribution", arn)
    assert_denies(
        template, role, "cloudfront:UpdateDistribution", f"arn:aws:cloudfront::{account}:distribution/E2OTHER"
    )
    assert_denies(template, role, "cloudfront:DeleteDistribution", arn)
    assert_allows(template, role, "wafv2:UpdateRegexPatternSet", f"{sets}/regexpatternset/{accepted}/id")
    assert_denies(template, role, "wafv2:UpdateWebACL", f"{sets}/webacl/assistant/id")
    assert_allows(template, role, "secretsmanager:PutSecretValue", f"{secrets}:{secret}")
    assert_denies(template, role, "secretsmanager:GetSecretValue", f"{secrets}:other")
    assert_denies(template, role, "secretsmanager:DeleteSecret", f"{secrets}:{secret}")


def test_the_secret_is_rotated_once_the_distribution_is_there() -> None:
    template = template_of(lambda stack: edge(stack, rotation_days=7, propagation_seconds=60))
    (schedule,) = template.find_resources("AWS::SecretsManager::RotationSchedule").values()
    assert schedule["Properties"]["RotationRules"] == {"AutomaticallyAfterDays": 7}
    assert schedule["Properties"]["RotateImmediatelyOnUpdate"] is False
    (distribution,) = template.find_resources("AWS::CloudFront::Distribution")
    assert distribution in schedule["DependsOn"]
    (secret,) = template.find_resources("AWS::SecretsManager::Secret")
    template.has_resource_properties(
        "AWS::Lambda::Permission", {"Principal": "secretsmanager.amazonaws.com", "SourceArn": {"Ref": secret}}
    )
    (function,) = [
        each["Properties"]
        for each in template.find_resources("AWS::Lambda::Function").values()
        if "origin_secret" in each["Properties"]["Handler"]
    ]
    assert function["Environment"]["Variables"]["PROPAGATION_SECONDS"] == "60"
    assert function["Environment"]["Variables"]["HEADER"] == "x-origin-verify"


def test_the_function_that_updates_cloudfront_is_outside_of_the_vpc() -> None:
    template = template_of(lambda stack: edge(stack, network=["us-east-1a", "us-east-1b"]))
    functions = [each["Properties"] for each in template.find_resources("AWS::Lambda::Function").values()]
    assert [("origin_secret" in each["Handler"], "VpcConfig" in each) for each in functions].count((True, False)) == 1


def test_access_logs_go_to_the_bucket_of_the_foundation(plain: Template) -> None:
    (source,) = plain.find_resources("AWS::Logs::DeliverySource").values()
    assert source["Properties"]["LogType"] == "ACCESS_LOGS"
    (delivery,) = plain.find_resources("AWS::Logs::Delivery").values()
    assert not {"cs-uri-query", "cs(Cookie)", "cs(Referer)"} & set(delivery["Properties"]["RecordFields"])
    policies = json.dumps(plain.find_resources("AWS::S3::BucketPolicy"))
    assert "delivery.logs.amazonaws.com" in policies
    assert ":logs:us-east-1:" in policies
    assert "Logging" not in config(plain)


@pytest.mark.parametrize("kind", ["DeliverySource", "DeliveryDestination"])
def test_a_delivery_of_another_distribution_and_bucket_has_another_name(kind: str) -> None:
    def name(suffix: str) -> str:
        arn = f"arn:aws:cloudfront::111122223333:distribution/E{suffix}"
        template = template_of(
            lambda stack: EdgeLogs(
                stack, "Logs", name="a" * 80, distribution_arn=arn, bucket_arn=f"arn:aws:s3:::logs-{suffix}"
            )
        )
        (found,) = template.find_resources(f"AWS::Logs::{kind}").values()
        return str(found["Properties"]["Name"])

    assert name("1") == name("1") != name("2")
    assert len(name("1")) <= 60


@pytest.mark.parametrize("zone", [None, "Z0123456789ABC"])
def test_a_domain_has_modern_tls_and_records(zone: str | None) -> None:
    domain = EdgeDomain(name="chat.example.com", certificate_arn=CERTIFICATE, hosted_zone_id=zone)
    template = template_of(lambda stack: edge(stack, domain=domain))
    assert config(template)["Aliases"] == ["chat.example.com"]
    assert config(template)["ViewerCertificate"] == {
        "AcmCertificateArn": CERTIFICATE,
        "MinimumProtocolVersion": "TLSv1.2_2021",
        "SslSupportMethod": "sni-only",
    }
    records = template.find_resources("AWS::Route53::RecordSet").values()
    assert sorted(each["Properties"]["Type"] for each in records) == (["A", "AAAA"] if zone else [])
    assert all(each["Properties"]["AliasTarget"]["HostedZoneId"] == "Z2FDTNDATAQYW2" for each in records)
    outputs = {each["Value"] for each in template.find_outputs("*").values() if isinstance(each["Value"], str)}
    assert {"https://chat.example.com", "https://chat.example.com/v1/chat"} <= outputs


def test_countries_are_restricted() -> None:
    template = template_of(lambda stack: edge(stack, countries=["DE", "FR"]))
    assert config(template)["Restrictions"]["GeoRestriction"] == {
        "RestrictionType": "whitelist",
        "Locations": ["DE", "FR"],
    }


@pytest.mark.parametrize("options", [{}, {"countries": ["DE"], "bot_control": True}])
def test_no_pack_finds_anything(options: dict[str, Any]) -> None:
    found = findings_of(lambda stack: edge(stack, network=["us-east-1a", "us-east-1b"], **options), packs=ALL_PACKS)
    own = ("Test/Edge", "Test/OriginSecret", "Test/Firewall")
    assert [each for each in found if each.path.startswith(own) and "Replication" not in each.rule] == []


def test_an_api_without_the_secret_is_refused() -> None:
    stack = new_stack()
    with pytest.raises(InvalidValueError, match=r"go around CloudFront.*Pass an OriginSecret"):
        Edge(stack, "Edge", foundation=Foundation(stack), name="x", api=chat(stack), firewall_arn=ACL)


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"private_api": PrivateApi(vpc_endpoint_ids=["vpce-0123456789abcdef0"])}, "private_api"),
        ({"domain": CustomDomain(name="a.example.com", certificate_arn=CERTIFICATE)}, "domain"),
        ({"allowed_origins": ["https://a.example.com"]}, "allowed_origins"),
    ],
)
def test_what_does_not_fit_behind_cloudfront(options: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        ChatOptions(**options).check_edge()
    assert caught.value.field == field


def test_a_certificate_of_another_region_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="eu-west-1, and CloudFront uses certificates of us-east-1 only"):
        EdgeDomain(name="a.example.com", certificate_arn=CERTIFICATE.replace("us-east-1", "eu-west-1"))


@pytest.mark.parametrize("region", ["eu-west-1", None])
def test_web_acl_and_logs_are_refused_elsewhere(region: str | None) -> None:
    stack = cdk.Stack(new_app(), "Elsewhere", env=cdk.Environment(region=region))
    with pytest.raises(InvalidValueError, match="in us-east-1 only"):
        EdgeFirewall(stack, "Firewall", foundation=Foundation(stack), name="edge")
    with pytest.raises(InvalidValueError, match="in us-east-1 only"):
        EdgeLogs(stack, "Logs", name="x", distribution_arn="arn", bucket_arn="arn")


SETTINGS = """
project: genai
region: {region}
owner: platform
cost_center: development
models: {{bedrock: {{models: [{model}]}}}}
application:
  {chat}
  edge: {{}}
"""


def settings(
    folder: Path, region: str = "eu-west-1", chat: str = "chat: {}", model: str = "eu.amazon.nova-lite-v1:0"
) -> Any:
    text = SETTINGS.format(region=region, chat=chat, model=model)
    (folder / "far.yaml").write_text(text, encoding="utf-8")
    return load("far", folder)


def test_another_region_has_its_web_acl_and_logs_in_us_east_1(tmp_path: Path) -> None:
    app = new_app(**{"@aws-cdk/core:defaultCrossStackReferences": "weak"})
    assemble(app, settings(tmp_path))
    assembly = app.synth()
    stacks = {each.stack_name: each for each in assembly.stacks}
    firewall, logs = stacks["genai-far-edge-firewall-eu-west-1"], stacks["genai-far-edge-logs-eu-west-1"]
    application = stacks["genai-far-application"]
    assert [each.environment.region for each in (firewall, logs, application)] == [
        "us-east-1",
        "us-east-1",
        "eu-west-1",
    ]
    acl = config(Template.from_json(application.template))["WebACLId"]["Fn::GetStackOutput"]
    assert (acl["StackName"], acl["Region"]) == (firewall.stack_name, "us-east-1")
    assert acl["OutputName"] in firewall.template["Outputs"]
    (source,) = Template.from_json(logs.template).find_resources("AWS::Logs::DeliverySource").values()
    assert '"Region": "eu-west-1"' in json.dumps(source["Properties"]["ResourceArn"])
    found = {each["Type"] for each in application.template["Resources"].values()}
    assert "AWS::Logs::DeliverySource" not in found


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"chat": "dashboard: true"}, r"application\.edge.*Add chat"),
        ({"chat": "chat: {private_api: {vpc_endpoint_ids: [vpce-0123456789abcdef0]}}"}, r"cannot reach a private API"),
        ({"region": "us-gov-west-1", "model": "amazon.nova-lite-v1:0"}, r"application\.edge.*another partition"),
    ],
)
def test_settings_that_do_not_fit(tmp_path: Path, changed: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        settings(tmp_path, **changed)


def test_a_firewall_without_cloudfront_is_as_before() -> None:
    template = template_of(lambda stack: Firewall(stack, "Firewall", foundation=Foundation(stack), name="x"))
    (acl,) = template.find_resources("AWS::WAFv2::WebACL").values()
    assert [each["Name"] for each in acl["Properties"]["Rules"]][-1] == "RateLimit"
    assert acl["Properties"]["VisibilityConfig"]["SampledRequestsEnabled"] is True


def test_an_api_tells_the_address_of_its_distribution() -> None:
    stack = new_stack()
    made = edge(stack)
    api = stack.node.find_child("Chat")
    assert isinstance(api, ChatApi)
    assert api.url == f"{made.url}/v1/chat"
