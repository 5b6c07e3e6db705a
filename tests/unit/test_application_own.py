"""User pools, identity providers, addresses, origins, endpoints and domain names that a user brings."""

from __future__ import annotations

import json
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_cognito as cognito
from aws_cdk.assertions import Match, Template

from aws_genai.application import (
    ChatOptions,
    CustomDomain,
    ExistingUserPool,
    Federation,
    FirewallOptions,
    Identity,
    OidcProvider,
    PrivateApi,
    SamlProvider,
)
from aws_genai.errors import InvalidValueError
from aws_genai.foundation import Foundation
from aws_genai.foundation.interface_policy import interface_policy
from tests.support import ALL_PACKS, findings_of, template_of
from tests.unit.test_application import chat

POOL = "arn:aws:cognito-idp:us-east-1:111122223333:userpool/us-east-1_AbCdEfGhI"
ELSEWHERE = "arn:aws:cognito-idp:eu-west-1:111122223333:userpool/eu-west-1_AbCdEfGhI"
STORED = "arn:aws:secretsmanager:us-east-1:111122223333:secret:sign-in-AbCdEf"
CERTIFICATE = "arn:aws:acm:us-east-1:111122223333:certificate/1234abcd-12ab-34cd-56ef-1234567890ab"
ENDPOINT = "vpce-0123456789abcdef0"
OIDC = OidcProvider(
    issuer="https://login.example.com",
    client_id="abc",
    client_secret_arn=STORED,
    client_secret_key="value",  # noqa: S106 - a key of JSON
)
SAML = SamlProvider(metadata_url="https://login.example.com/metadata")


def federation(**options: Any) -> Federation:
    return Federation(**options)


#: Addresses of a page, and the domain of managed login.
PAGE: dict[str, Any] = {
    "domain_prefix": "acme-chat",
    "callback_urls": ["https://chat.example.com/back"],
    "logout_urls": ["https://chat.example.com/bye"],
}


def domain(**options: Any) -> CustomDomain:
    return CustomDomain(name="chat.example.com", certificate_arn=CERTIFICATE, **options)


OWN: dict[str, dict[str, Any]] = {
    "pool": {"user_pool": ExistingUserPool(arn=POOL)},
    "pool and clients": {"user_pool": ExistingUserPool(arn=ELSEWHERE, client_ids=["abc"])},
    "OIDC": {"federation": federation(oidc=OIDC, groups="groups")},
    "SAML": {"federation": federation(saml=SAML)},
    "ranges": {"allowed_addresses": ["203.0.113.0/24", "2001:db8::/32"]},
    "origins": {"allowed_origins": ["https://a.example.com", "https://b.example.com"]},
    "private by endpoint": {"private_api": PrivateApi(vpc_endpoint_ids=[ENDPOINT], allowed_addresses=["10.0.0.0/8"])},
    "private by VPC": {"private_api": PrivateApi(), "network": ["us-east-1a", "us-east-1b"]},
    "domain": {"domain": domain(hosted_zone_id="Z0123456789ABC")},
}


def made(**options: Any) -> Template:
    return template_of(lambda stack: chat(stack, **options))


def variables(template: Template) -> dict[str, str]:
    functions = template.find_resources("AWS::Lambda::Function").values()
    (found,) = (
        each["Properties"]["Environment"]["Variables"] for each in functions if "chat" in each["Properties"]["Handler"]
    )
    chosen: dict[str, str] = found
    return chosen


@pytest.mark.parametrize("name", OWN)
def test_whatever_is_brought_passes_every_pack(name: str) -> None:
    assert findings_of(lambda stack: chat(stack, **OWN[name]), packs=ALL_PACKS) == []


def test_an_existing_pool_gets_an_app_client_and_nothing_else() -> None:
    template = made(user_pool=ExistingUserPool(arn=POOL))
    for kind in ("UserPool", "UserPoolGroup", "UserPoolDomain", "UserPoolIdentityProvider"):
        template.resource_count_is(f"AWS::Cognito::{kind}", 0)
    (client,) = template.find_resources("AWS::Cognito::UserPoolClient", {"Properties": {"GenerateSecret": False}})
    template.has_resource_properties("AWS::Cognito::UserPoolClient", {"UserPoolId": "us-east-1_AbCdEfGhI"})
    template.has_resource_properties("AWS::ApiGateway::Authorizer", {"ProviderARNs": [POOL]})
    template.has_resource_properties("AWS::ApiGateway::Method", {"AuthorizationScopes": ["openid"]})
    # The authorizer accepts the tokens of every client of the pool, the function those of this one.
    own: Any = variables(template)["CLIENT_IDS"]
    assert own == {"Fn::Join": ["", ['["', {"Ref": client}, '"]']]}


NAMED: dict[str, Any] = {"groups_claim": "teams", "scopes": ["docs/read", "docs/ask"]}


def test_app_clients_of_an_existing_pool_are_used_from_any_region() -> None:
    template = made(user_pool=ExistingUserPool(arn=ELSEWHERE, client_ids=["abc", "def"], **NAMED))
    template.resource_count_is("AWS::Cognito::UserPoolClient", 0)
    template.has_resource_properties("AWS::ApiGateway::Method", {"AuthorizationScopes": ["docs/read", "docs/ask"]})
    own = variables(template)
    assert json.loads(own["CLIENT_IDS"]) == ["abc", "def"]
    assert own["GROUPS_CLAIM"] == "teams"


def test_a_pool_is_taken_as_the_cdk_has_it() -> None:
    def build(stack: cdk.Stack) -> None:
        pool = cognito.UserPool.from_user_pool_arn(stack, "Pool", POOL)
        client = cognito.UserPoolClient.from_user_pool_client_id(stack, "Client", "abc")
        foundation = Foundation(stack)
        identity = Identity(stack, "New", foundation=foundation, user_pool=pool)
        assert identity.scopes("ask") == identity.scopes("history") == ["openid"]
        old = Identity(stack, "Old", foundation=foundation, user_pool=pool, clients=[client], scopes=["a/read"])
        assert old.client_ids == ["abc"]
        assert old.scopes("ask") == ["a/read"]
        with pytest.raises(InvalidValueError, match="given twice"):
            options = ChatOptions(user_pool=ExistingUserPool(arn=POOL))
            Identity(stack, "Twice", foundation=foundation, user_pool=pool, options=options)

    template = template_of(build)
    template.resource_count_is("AWS::Cognito::UserPool", 0)
    template.resource_count_is("AWS::Cognito::UserPoolClient", 1)


def test_a_federated_user_cannot_write_the_groups_that_the_provider_says() -> None:
    template = made(federation=federation(oidc=OIDC, groups="roles"), **PAGE)
    template.has_resource_properties(
        "AWS::Cognito::UserPoolIdentityProvider",
        {
            "ProviderName": "sign-on",
            "ProviderType": "OIDC",
            "ProviderDetails": {
                "oidc_issuer": "https://login.example.com",
                "client_id": "abc",
                "client_secret": f"{{{{resolve:secretsmanager:{STORED}:SecretString:value}}}}",
                "authorize_scopes": "openid email profile",
                "attributes_request_method": "GET",
            },
            "AttributeMapping": {"custom:groups": "roles", "email": "email"},
        },
    )
    template.has_resource_properties(
        "AWS::Cognito::UserPoolClient",
        {
            # Without aws.cognito.signin.user.admin, which every other flow gives, no token permits
            # UpdateUserAttributes.
            "ExplicitAuthFlows": ["ALLOW_CUSTOM_AUTH"],
            "AllowedOAuthScopes": ["openid", "email", "profile", "genai/ask", "genai/history"],
            "AllowedOAuthFlows": ["code"],
            "AllowedOAuthFlowsUserPoolClient": True,
            "SupportedIdentityProviders": ["sign-on"],
            "CallbackURLs": ["https://chat.example.com/back"],
            "LogoutURLs": ["https://chat.example.com/bye"],
            # Cognito writes mapped attributes with the permissions of the client.
            "WriteAttributes": ["custom:groups", "email"],
        },
    )
    (provider,) = template.find_resources("AWS::Cognito::UserPoolIdentityProvider")
    (client,) = template.find_resources("AWS::Cognito::UserPoolClient").values()
    assert provider in client["DependsOn"]
    template.has_resource_properties(
        "AWS::Cognito::UserPool",
        {"Schema": [Match.object_like({"Name": "groups", "AttributeDataType": "String", "Mutable": True})]},
    )
    template.has_resource_properties("AWS::Cognito::UserPoolDomain", {"Domain": "acme-chat"})
    assert "GROUPS_CLAIM" not in variables(template)


def test_groups_of_a_provider_are_written_into_access_tokens() -> None:
    template = made(federation=federation(oidc=OIDC, groups="roles"))
    (trigger,) = (
        name
        for name, each in template.find_resources("AWS::Lambda::Function").items()
        if "user_groups" in each["Properties"]["Handler"]
    )
    arn = {"Fn::GetAtt": [trigger, "Arn"]}
    template.has_resource_properties(
        "AWS::Cognito::UserPool",
        {"LambdaConfig": {"PreTokenGenerationConfig": {"LambdaArn": arn, "LambdaVersion": "V2_0"}}},
    )
    (pool,) = template.find_resources("AWS::Cognito::UserPool")
    template.has_resource_properties(
        "AWS::Lambda::Permission",
        {
            "Action": "lambda:InvokeFunction",
            "FunctionName": arn,
            "Principal": "cognito-idp.amazonaws.com",
            "SourceAccount": {"Ref": "AWS::AccountId"},
            "SourceArn": {"Fn::GetAtt": [pool, "Arn"]},
        },
    )
    # Amazon Cognito waits 5 seconds.
    assert template.find_resources("AWS::Lambda::Function")[trigger]["Properties"]["Timeout"] == 5
    template.has_resource_properties(
        "AWS::CloudWatch::Alarm", {"Dimensions": [Match.object_like({"Value": {"Ref": trigger}})]}
    )
    for options in ({}, {"federation": federation(oidc=OIDC)}):
        other = made(**options)
        assert "LambdaConfig" not in json.dumps(other.find_resources("AWS::Cognito::UserPool"))
        assert "user_groups" not in json.dumps(other.find_resources("AWS::Lambda::Function"))


def test_a_saml_provider_signs_requests_and_tells_what_to_register() -> None:
    template = made(federation=federation(saml=SAML, name="okta"))
    template.has_resource_properties(
        "AWS::Cognito::UserPoolIdentityProvider",
        {
            "ProviderName": "okta",
            "ProviderType": "SAML",
            "ProviderDetails": {
                "MetadataURL": "https://login.example.com/metadata",
                "IDPSignout": "false",
                "EncryptedResponses": "false",
                "RequestSigningAlgorithm": "rsa-sha256",
            },
        },
    )
    outputs = json.dumps(template.find_outputs("*"))
    assert "/saml2/idpresponse" in outputs
    assert "urn:amazon:cognito:sp:" in outputs
    assert "Schema" not in json.dumps(template.find_resources("AWS::Cognito::UserPool"))


def test_other_addresses_are_blocked_before_any_other_rule() -> None:
    template = made(allowed_addresses=["203.0.113.0/24", "198.51.100.7/32"])
    (ips,) = template.find_resources("AWS::WAFv2::IPSet")
    template.has_resource_properties(
        "AWS::WAFv2::IPSet",
        {"Addresses": ["203.0.113.0/24", "198.51.100.7/32"], "IPAddressVersion": "IPV4", "Scope": "REGIONAL"},
    )
    (acl,) = template.find_resources("AWS::WAFv2::WebACL").values()
    first, *others = acl["Properties"]["Rules"]
    assert first["Action"] == {"Block": {}}
    reference = {"IPSetReferenceStatement": {"Arn": {"Fn::GetAtt": [ips, "Arn"]}}}
    assert first["Statement"] == {"NotStatement": {"Statement": reference}}
    assert [rule["Priority"] for rule in (first, *others)] == [0, 1, 2, 3]
    # An action that allows would end the evaluation, so that no other rule applied.
    assert [rule.get("Action") for rule in others] == [None, None, {"Block": {}}]
    assert acl["Properties"]["DefaultAction"] == {"Allow": {}}
    template.has_resource_properties("AWS::ApiGateway::RestApi", {"EndpointConfiguration": {"Types": ["REGIONAL"]}})


def test_ranges_of_both_versions_are_two_sets_of_a_dual_stack_api() -> None:
    template = made(**OWN["ranges"])
    template.resource_count_is("AWS::WAFv2::IPSet", 2)
    (acl,) = template.find_resources("AWS::WAFv2::WebACL").values()
    inner = acl["Properties"]["Rules"][0]["Statement"]["NotStatement"]["Statement"]
    assert len(inner["OrStatement"]["Statements"]) == 2
    template.has_resource_properties(
        "AWS::ApiGateway::RestApi",
        {"EndpointConfiguration": {"Types": ["REGIONAL"], "IpAddressType": "dualstack"}},
    )


def origin_of(properties: dict[str, Any]) -> str | None:
    """What a gateway response says of origins."""
    found: str | None = properties["ResponseParameters"].get("gatewayresponse.header.Access-Control-Allow-Origin")
    return found


@pytest.mark.parametrize(
    ("origins", "said"),
    [
        ([], None),
        (["https://a.example.com"], "'https://a.example.com'"),
        (["https://a.example.com", "http://localhost:3000"], "method.request.header.Origin"),
    ],
)
def test_every_response_says_which_origins_may_read_it(origins: list[str], said: str | None) -> None:
    template = made(allowed_origins=origins)
    methods = [each["Properties"] for each in template.find_resources("AWS::ApiGateway::Method").values()]
    answers = template.find_resources("AWS::ApiGateway::GatewayResponse").values()
    assert {origin_of(each["Properties"]) for each in answers} == {said}
    assert "*" not in json.dumps([each["Properties"]["ResponseParameters"] for each in answers])
    assert [each["HttpMethod"] for each in methods] == (["POST", "OPTIONS"] if origins else ["POST"])
    assert variables(template).get("ORIGINS") == (json.dumps(origins) if origins else None)
    if not origins:
        return
    preflight = methods[1]
    assert preflight["AuthorizationType"] == "NONE"
    assert preflight["Integration"]["Type"] == "MOCK"
    (response,) = preflight["Integration"]["IntegrationResponses"]
    headers = {name.rpartition(".")[2]: value for name, value in response["ResponseParameters"].items()}
    assert headers["Access-Control-Allow-Origin"] == f"'{origins[0]}'"
    assert headers["Access-Control-Allow-Headers"] == "'Authorization,Content-Type'"
    assert headers["Vary"] == "'Origin'"
    (declared,) = preflight["MethodResponses"]
    assert set(declared["ResponseParameters"]) == set(response["ResponseParameters"])
    # Further origins are compared whole: https://a.example.com.evil.org is none of them.
    for origin in origins[1:]:
        assert f'$origin == "{origin}"' in response["ResponseTemplates"]["application/json"]


def policy_of(template: Template) -> Any:
    (api,) = template.find_resources("AWS::ApiGateway::RestApi").values()
    (statement,) = api["Properties"]["Policy"]["Statement"]
    assert statement["Effect"] == "Allow"
    return statement["Condition"]


def test_a_private_api_is_called_through_the_endpoints_that_are_named() -> None:
    template = made(**OWN["private by endpoint"])
    template.has_resource_properties(
        "AWS::ApiGateway::RestApi",
        {"EndpointConfiguration": {"Types": ["PRIVATE"], "VpcEndpointIds": [ENDPOINT]}},
    )
    assert policy_of(template) == {
        "StringEquals": {"aws:SourceVpce": [ENDPOINT]},
        "IpAddress": {"aws:VpcSourceIp": ["10.0.0.0/8"]},
    }
    # Web ACLs are associated with stages of private APIs as well.
    template.resource_count_is("AWS::WAFv2::WebACLAssociation", 1)
    template.resource_count_is("AWS::WAFv2::IPSet", 0)
    assert f"-{ENDPOINT}.execute-api." in json.dumps(template.find_outputs("*"))


def test_a_private_api_is_called_from_the_vpc_of_the_foundation() -> None:
    template = made(**OWN["private by VPC"])
    (vpc,) = template.find_resources("AWS::EC2::VPC")
    assert policy_of(template) == {"StringEquals": {"aws:SourceVpc": {"Ref": vpc}}}
    with pytest.raises(InvalidValueError, match="none is given"):
        made(private_api=PrivateApi())


def test_the_interface_endpoint_lets_callers_without_credentials_of_aws_through_to_own_apis() -> None:
    policy: Any = interface_policy("execute-api", ())
    (statement,) = policy["Statement"]
    assert statement["Action"] == ["execute-api:Invoke"]
    assert "Condition" not in statement
    (resource,) = statement["Resource"]
    assert ":execute-api:" in resource
    assert resource.endswith(":*")


@pytest.mark.parametrize(
    ("policy", "mode"), [("TLS_1_2", None), ("SecurityPolicy_TLS13_1_3_2025_09", "STRICT")], ids=["1.2", "1.3"]
)
def test_a_domain_name_is_the_only_way_in(policy: Any, mode: str | None) -> None:
    template = made(domain=domain(security_policy=policy, base_path="assistant"))
    (found,) = template.find_resources("AWS::ApiGateway::DomainName").values()
    properties = found["Properties"]
    assert properties["SecurityPolicy"] == policy
    assert properties.get("EndpointAccessMode") == mode
    assert properties["RegionalCertificateArn"] == CERTIFICATE
    assert properties["EndpointConfiguration"] == {"Types": ["REGIONAL"]}
    template.has_resource_properties("AWS::ApiGateway::RestApi", {"DisableExecuteApiEndpoint": True})
    (stage,) = template.find_resources("AWS::ApiGateway::Stage")
    template.has_resource(
        "AWS::ApiGateway::BasePathMapping",
        {"Properties": {"Stage": "v1", "BasePath": "assistant"}, "DependsOn": [stage]},
    )
    template.resource_count_is("AWS::Route53::RecordSet", 0)
    outputs = {name: each["Value"] for name, each in template.find_outputs("*").items()}
    assert "https://chat.example.com/assistant/chat" in outputs.values()
    assert any("RegionalDomainName" in json.dumps(value) for value in outputs.values())


@pytest.mark.parametrize(("ranges", "kinds"), [([], {"A"}), (["2001:db8::/32"], {"A", "AAAA"})])
def test_the_alias_record_is_created_in_a_hosted_zone_that_is_named(ranges: list[str], kinds: set[str]) -> None:
    template = made(domain=domain(hosted_zone_id="Z0123456789ABC"), allowed_addresses=ranges)
    records = [each["Properties"] for each in template.find_resources("AWS::Route53::RecordSet").values()]
    assert {each["Type"] for each in records} == kinds
    (name,) = template.find_resources("AWS::ApiGateway::DomainName")
    for each in records:
        assert (each["HostedZoneId"], each["Name"]) == ("Z0123456789ABC", "chat.example.com")
        assert each["AliasTarget"] == {
            "DNSName": {"Fn::GetAtt": [name, "RegionalDomainName"]},
            "HostedZoneId": {"Fn::GetAtt": [name, "RegionalHostedZoneId"]},
        }


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"allowed_addresses": ["203.0.113.7/24"]}, "Write 203.0.113.0/24"),
        ({"allowed_addresses": ["203.0.113.7"]}, "Write 203.0.113.7/32"),
        ({"allowed_addresses": ["0.0.0.0/0"]}, "every address"),
        ({"allowed_addresses": ["::/0"]}, "every address"),
        ({"allowed_addresses": ["office"]}, "not an address range"),
        ({"allowed_origins": ["*"]}, "exact origin"),
        ({"allowed_origins": ["https://*.example.com"]}, "exact origin"),
        ({"allowed_origins": ["https://chat.example.com/"]}, "exact origin"),
        ({"allowed_origins": ["http://chat.example.com"]}, "exact origin"),
        ({"allowed_origins": ["https://Chat.example.com"]}, "exact origin"),
        ({"private_api": {}, "allowed_addresses": ["10.0.0.0/8"]}, "private_api.allowed_addresses"),
        (
            {"private_api": {}, "domain": {"name": "chat.example.com", "certificate_arn": CERTIFICATE}},
            "cannot have a Regional domain name",
        ),
        ({"private_api": {"vpc_endpoint_ids": ["vpc-1"]}}, "id of a VPC endpoint"),
        ({"domain": {"name": "chat", "certificate_arn": CERTIFICATE}}, "domain name in lower case"),
        ({"domain": {"name": "chat.example.com", "certificate_arn": STORED}}, "certificate"),
        ({"user_pool": {"arn": "us-east-1_AbCdEfGhI"}}, "ARN of a user pool"),
        ({"user_pool": {"arn": POOL, "scopes": []}}, "at least 1"),
        ({"user_pool": {"arn": POOL, "scopes": ["a b"]}}, "no spaces"),
        ({"user_pool": {"arn": POOL}, "passkeys": True}, "user pool that exists is not changed"),
        ({"user_pool": {"arn": POOL}, "domain_prefix": "acme"}, "user pool that exists is not changed"),
        ({"domain_prefix": "my-aws-chat"}, "which AWS reserves"),
        ({"domain_prefix": "-chat"}, "lower-case letters"),
        ({"callback_urls": ["https://chat.example.com/#x"]}, "without a fragment"),
        ({"callback_urls": ["http://chat.example.com/"]}, "begins with https://"),
        ({"callback_urls": []}, "at least 1"),
        ({"passkeys": True, "federation": {"saml": {"metadata_url": "https://x.example.com/m"}}}, "sign in there"),
    ],
)
def test_what_cannot_work_is_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidValueError, match=said.replace("*", r"\*")):
        ChatOptions(**options)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "one identity provider"),
        ({"oidc": OIDC, "saml": SAML}, "one identity provider"),
        ({"oidc": OIDC, "name": "COGNITO"}, "user pool's own users"),
        ({"oidc": OIDC, "name": "my_provider"}, "letters, digits, dots and hyphens"),
    ],
)
def test_what_cannot_be_federated_is_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidValueError, match=said):
        Federation(**options)


def test_a_pool_that_exists_brings_its_own_providers() -> None:
    with pytest.raises(InvalidValueError, match="has its own identity providers"):
        ChatOptions(user_pool=ExistingUserPool(arn=POOL), federation=federation(saml=SAML))


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"user_pool": ExistingUserPool(arn=ELSEWHERE)}, "user_pool.arn"),
        (
            {
                "domain": CustomDomain(
                    name="chat.example.com", certificate_arn=CERTIFICATE.replace("us-east", "eu-west")
                )
            },
            "domain.certificate_arn",
        ),
        (
            {
                "federation": federation(
                    oidc=OidcProvider(
                        issuer="https://login.example.com",
                        client_id="abc",
                        client_secret_arn=STORED.replace("us-east", "eu-west"),
                    )
                )
            },
            "federation.oidc.client_secret_arn",
        ),
    ],
)
def test_what_lies_in_another_region_is_refused(options: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidValueError, match="eu-west-1") as caught:
        made(**options)
    assert caught.value.field == field


def test_a_firewall_takes_the_options_of_the_chat() -> None:
    assert isinstance(ChatOptions(), FirewallOptions)
