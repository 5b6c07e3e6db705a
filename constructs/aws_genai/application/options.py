"""The options of the chat API and what belongs to it, each declared once: for code, and for the settings file."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Literal, Self, get_args

from pydantic import AfterValidator, Field, field_validator, model_validator

from ..data.bedrock import MOST_WAITED_TOKENS, check_chat, check_waited
from ..data.bedrock_parameters import ModelParameters
from ..data.concurrency import SECONDS_PER_ANSWER, check_concurrency
from ..errors import InvalidValueError, below
from ..models.access.options import Inference
from ..models.knowledge.options import FunctionArn, Group
from ..options import KeyArn, ModelId, Name, Options, text
from ..resource_name import ResourceName

#: The name of a dashboard has 255 characters; it ends in a hyphen and the Region.
#: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutDashboard.html
DASHBOARD_NAME = ResourceName("Dashboard", 240, r"[A-Za-z0-9_-]+", "letters, digits, hyphens and underscores")
#: https://docs.aws.amazon.com/waf/latest/APIReference/API_CreateWebACL.html
WEB_ACL_NAME = ResourceName("Web ACL", 128, r"[A-Za-z0-9_-]+", "letters, digits, hyphens and underscores")
#: The names of a distribution's policies have 128 characters; they end in a hyphen and the Region.
#: https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_ResponseHeadersPolicyConfig.html
EDGE_NAME = ResourceName("Edge", 100, r"[A-Za-z0-9_-]+", "letters, digits, hyphens and underscores")
#: https://docs.aws.amazon.com/athena/latest/APIReference/API_CreateWorkGroup.html
WORKGROUP_NAME = ResourceName("Workgroup", 128, r"[a-zA-Z0-9._-]+", "letters, digits, dots, underscores and hyphens")

Mfa = Literal["required", "optional"]

#: The Region of what CloudFront uses: web ACLs, certificates and deliveries of logs.
#: https://docs.aws.amazon.com/waf/latest/developerguide/how-aws-waf-works-resources.html
EDGE_REGION = "us-east-1"

#: https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-list.html
ManagedRules = Literal[
    "AWSManagedRulesCommonRuleSet",
    "AWSManagedRulesKnownBadInputsRuleSet",
    "AWSManagedRulesAmazonIpReputationList",
    "AWSManagedRulesAnonymousIpList",
]


def _range(value: str) -> str:
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError as error:
        raise InvalidValueError(
            f"{value} is not an address range", hint="Write it in CIDR notation, such as 203.0.113.0/24"
        ) from error
    if str(network) != value:
        raise InvalidValueError(f"{value} is not the first address of a range with its length", hint=f"Write {network}")
    if network.prefixlen == 0:
        # https://docs.aws.amazon.com/waf/latest/developerguide/waf-ip-set-creating.html
        raise InvalidValueError(f"{value} is every address, which an IP set does not accept", hint="Leave it out")
    return value


#: https://docs.aws.amazon.com/waf/latest/APIReference/API_IPSet.html
AddressRange = Annotated[str, Field(max_length=50), AfterValidator(_range)]
#: https://fetch.spec.whatwg.org/#origin-header
Origin = Annotated[
    str,
    text(
        r"^(https://([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]|http://localhost)(:[1-9][0-9]{0,4})?$",
        "be an exact origin, such as https://chat.example.com: scheme and host in lower case, no path, no *",
        max_length=255,
    ),
]
WebAddress = Annotated[
    str,
    text(
        r"^https://[A-Za-z0-9.-]+(:[0-9]+)?(/[A-Za-z0-9._~:/?#@!$&'()*+,;=%-]*)?$",
        "be an address that begins with https://",
        max_length=1024,
    ),
]
#: https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_CreateUserPoolClient.html
CallbackUrl = Annotated[
    str,
    text(
        r"^(https://[A-Za-z0-9.-]+|http://localhost)(:[0-9]+)?(/[A-Za-z0-9._~:/@!$&'()*+,;=%-]*)?$",
        "be an address that begins with https://, or with http://localhost for tests, without a fragment",
        max_length=1024,
    ),
]
UserPoolArn = Annotated[
    str,
    text(
        r"^arn:aws[a-z-]*:cognito-idp:[a-z0-9-]+:[0-9]{12}:userpool/[a-z0-9-]+_[0-9A-Za-z]+$",
        "be the ARN of a user pool, such as arn:aws:cognito-idp:us-east-1:111122223333:userpool/us-east-1_AbCdEfGhI",
    ),
]
SecretArn = Annotated[
    str,
    text(
        r"^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]{1,512}$",
        "be the ARN of a secret, such as arn:aws:secretsmanager:us-east-1:111122223333:secret:sign-in-AbCdEf",
    ),
]
CertificateArn = Annotated[
    str,
    text(
        r"^arn:aws[a-z-]*:acm:[a-z0-9-]+:[0-9]{12}:certificate/[A-Za-z0-9-]+$",
        "be the ARN of a certificate of AWS Certificate Manager",
    ),
]
#: https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_UserPoolClientType.html
_ClientId = Annotated[str, text(r"^[A-Za-z0-9_+]+$", "be the id of an app client", max_length=128)]
DomainName = Annotated[
    str,
    text(
        r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$",
        "be a domain name in lower case, such as chat.example.com",
        max_length=253,
    ),
]
HostedZoneId = Annotated[str, text(r"^Z[A-Z0-9]{1,31}$", "be the id of a hosted zone")]
#: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/georestrictions.html
Country = Annotated[str, text(r"^[A-Z]{2}$", "be the ISO 3166-1 code of a country, such as DE")]
_VpcEndpointId = Annotated[str, text(r"^vpce-[0-9a-f]{8,17}$", "be the id of a VPC endpoint", max_length=22)]
_Attribute = Annotated[str, text(r"^[A-Za-z0-9_:.-]+$", "be the name of an attribute of the user pool", max_length=50)]
_Claim = Annotated[str, Field(min_length=1, max_length=256)]
#: https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_CreateUserPoolClient.html
_Scope = Annotated[str, text(r"^[!#-\[\]-~]+$", "have no spaces", max_length=256)]

#: Identifier of the resource server of a new user pool, with which its scopes begin.
RESOURCE_SERVER = "genai"
#: What an access token may permit.
ScopeName = Literal["ask", "history"]
#: What each scope permits, as the resource server of a new user pool describes it.
SCOPES: dict[ScopeName, str] = {
    "ask": "Ask the chat and the assistants, and read, stop and rate an answer",
    "history": "List, read, share and delete conversations of one's own",
}
#: Where a program on the user's own machine listens for the code of a sign-in, as RFC 8252 describes. Amazon Cognito
#: compares the whole address, port included, and accepts http for localhost only.
LOOPBACK = "http://localhost:8765"


def region_of(arn: str) -> str:
    """The Region in an ARN."""
    return arn.split(":")[3]


class ExistingUserPool(Options):
    """A user pool that exists. Its password policy, MFA and threat protection are not checked.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-integrate-with-cognito.html
    """

    arn: UserPoolArn
    """ARN of the user pool."""

    client_ids: list[_ClientId] = []
    """IDs of the app clients whose tokens the API accepts. They must be allowed the scopes. Default: a new app client,
    for a user pool of this account and Region."""

    scopes: Annotated[list[_Scope], Field(min_length=1, max_length=50)] = ["openid"]
    """Scopes of which an access token must have one, such as those of a resource server of the user pool. Each permits
    every method of the API. Default: openid, which managed login gives to any app client that asks for it."""

    groups_claim: _Claim = "cognito:groups"
    """Claim of the access token that holds the groups of a user. No user may be able to write the attribute behind
    it."""


class OidcProvider(Options):
    """An identity provider that supports OpenID Connect.

    https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-oidc-idp.html
    """

    issuer: WebAddress
    """URL of the issuer, from which Amazon Cognito discovers the endpoints."""

    client_id: Annotated[str, Field(min_length=1, max_length=512)]
    """Client ID that the provider assigned."""

    client_secret_arn: SecretArn
    """ARN of the secret in AWS Secrets Manager, in this Region, that holds the client secret. The template refers to
    it; it never contains the secret. A rotated secret takes effect with the next change of the provider."""

    client_secret_key: Annotated[str, text(r"^[A-Za-z0-9_.-]+$", "be a key of the JSON", max_length=128)] | None = None
    """Key of the client secret in a secret that is JSON. Default: the whole secret is the client secret."""

    scopes: Annotated[list[_Scope], Field(min_length=1)] = ["openid", "email", "profile"]
    """Scopes to request from the provider."""


class SamlProvider(Options):
    """An identity provider that supports SAML 2.0. Authentication requests are signed.

    https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-saml-idp.html
    """

    metadata_url: WebAddress
    """URL of the provider's metadata."""

    sign_out: bool = False
    """Whether signing out also ends the session at the provider."""

    encrypted_responses: bool = False
    """Whether the provider must encrypt its assertions."""


class Federation(Options):
    """Sign-in through an identity provider of your own, with the authorization code flow of managed login.

    Users of the provider are the only ones that can sign in. Their MFA is the provider's.
    https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-identity-federation.html
    """

    name: Annotated[
        str, text(r"^[A-Za-z][A-Za-z0-9.-]{1,30}[A-Za-z0-9]$", "have 3 to 32 letters, digits, dots and hyphens")
    ] = "sign-on"
    """Name of the provider in the user pool."""

    oidc: OidcProvider | None = None
    """An OpenID Connect provider. Set this or saml."""

    saml: SamlProvider | None = None
    """A SAML provider. Set this or oidc."""

    groups: _Claim | None = None
    """Claim or SAML attribute that holds the groups of a user, which decide what the user may read and ask. A function
    of the user pool writes them into the access token. Names of other characters than lower-case letters, digits,
    hyphens and underscores are ignored. Default: no groups."""

    attributes: dict[_Attribute, _Claim] = {}
    """Claim or SAML attribute for each attribute of the user pool. Default: the email address."""

    @model_validator(mode="after")
    def _one_provider(self) -> Self:
        if (self.oidc is None) == (self.saml is None):
            raise InvalidValueError(
                "A federation has one identity provider", field="oidc", hint="Set either oidc or saml"
            )
        if self.name.lower() == "cognito":
            raise InvalidValueError(
                f"{self.name} is the name of the user pool's own users", field="name", hint="Rename it"
            )
        return self

    @property
    def mapping(self) -> dict[str, str]:
        """The claim or SAML attribute of each attribute of the user pool."""
        email = "email" if self.oidc else "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress"
        return {**({"custom:groups": self.groups} if self.groups else {}), **(self.attributes or {"email": email})}


#: Words that no prefix of a domain may contain:
#: https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-assign-domain-prefix.html
RESERVED_WORDS = ("aws", "amazon", "cognito")


class IdentityOptions(Options):
    """Who may use an application. Users sign in at managed login, with the authorization code flow and PKCE.

    https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-managed-login.html
    """

    mfa: Mfa = "required"
    """Whether every user needs a second factor: an authenticator app, or a passkey that verifies its user."""

    passkeys: bool = False
    """Whether users may sign in with a passkey instead of a password. A passkey must verify its user, by a biometric or
    a PIN, and then counts as both factors; users register an authenticator app first, as a way back in. Passkeys belong
    to the domain of managed login: with another domain_prefix, users register new ones."""

    token_minutes: Annotated[int, Field(ge=5, le=1440)] = 60
    """Number of minutes that ID and access tokens are valid."""

    callback_urls: Annotated[list[CallbackUrl], Field(min_length=1, max_length=100)] = [LOOPBACK]
    """Addresses that users may return to after they sign in: of your page, and http://localhost:8765 for the sign-in of
    the operations on their own machines."""

    logout_urls: Annotated[list[CallbackUrl], Field(max_length=100)] = [LOOPBACK]
    """Addresses that users may return to after they sign out."""

    domain_prefix: (
        Annotated[
            str,
            text(r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", "have lower-case letters, digits and hyphens", max_length=63),
        ]
        | None
    ) = None
    """Prefix of the domain of managed login, unique in the Region across all AWS accounts. Default: the name of the
    user pool and the account id."""

    user_pool: ExistingUserPool | None = None
    """A user pool that exists. Default: a new one."""

    federation: Federation | None = None
    """An identity provider of your own. Default: users are invited to the user pool."""

    @model_validator(mode="after")
    def _one_pool(self) -> Self:
        if self.user_pool and self.federation:
            raise InvalidValueError(
                "A user pool that exists has its own identity providers",
                field="federation",
                hint="Leave federation out, and name an app client of the provider in user_pool.client_ids",
            )
        for field, given in (("domain_prefix", self.domain_prefix), ("passkeys", self.passkeys)):
            if self.user_pool and given:
                raise InvalidValueError(
                    "A user pool that exists is not changed", field=field, hint="Set it in that user pool, not here"
                )
        if self.federation and self.passkeys:
            # https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-identity-federation.html
            raise InvalidValueError(
                "Users of an identity provider sign in there, with the passkeys of that provider",
                field="passkeys",
                hint="Leave passkeys or federation out",
            )
        return self

    @model_validator(mode="after")
    def _prefix_is_free(self) -> Self:
        if self.domain_prefix and any(word in self.domain_prefix for word in RESERVED_WORDS):
            raise InvalidValueError(
                f"{self.domain_prefix} contains aws, amazon or cognito, which AWS reserves",
                field="domain_prefix",
                hint="Choose another prefix",
            )
        return self


class FirewallOptions(Options):
    """What is blocked before it reaches an application."""

    requests_per_address: Annotated[int, Field(ge=10, le=2_000_000_000)] = 300
    """Maximum number of requests from one IP address in five minutes."""

    firewall_rules: Annotated[list[ManagedRules], Field(min_length=1)] = [
        "AWSManagedRulesCommonRuleSet",
        "AWSManagedRulesKnownBadInputsRuleSet",
    ]
    """AWS managed rule groups, USD 1 a month each."""

    allowed_addresses: Annotated[list[AddressRange], Field(max_length=10_000)] = []
    """IPv4 and IPv6 ranges in CIDR notation whose requests are allowed; all others are blocked. With an IPv6 range, the
    API has IPv6 addresses too. Default: any address."""


_Tokens = Annotated[int, Field(ge=1_000, le=10_000_000_000)]
_Dollars = Annotated[float, Field(gt=0, le=1_000_000)]
#: Names that the functions read from a token; others are ignored there.
GroupName = Annotated[
    str, text(r"^[a-z0-9_-]+$", "have lower-case letters, digits, hyphens and underscores", max_length=128)
]


class GroupBudget(Options):
    """How much the members of a group may use together."""

    tokens_per_day: _Tokens | None = None
    """Maximum number of tokens in a day. Default: no limit."""

    usd_per_day: _Dollars | None = None
    """Maximum price of the tokens in a day, in US dollars. Default: no limit."""

    tokens_per_month: _Tokens | None = None
    """Maximum number of tokens in a calendar month. Default: no limit."""

    usd_per_month: _Dollars | None = None
    """Maximum price of the tokens in a calendar month, in US dollars. Default: no limit."""

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        if not self.model_fields_set:
            raise InvalidValueError(
                "The budget of a group limits nothing", field="tokens_per_day", hint="Set one of its limits"
            )
        return self


def limits(tokens: int | None, usd: float | None) -> dict[str, int]:
    """What may be used, as functions count it: tokens and micro-dollars."""
    return {**({"tokens": tokens} if tokens else {}), **({"micros": round(usd * 1e6)} if usd else {})}


class UsageBudgetOptions(Options):
    """How much each user may use from midnight to midnight and in a calendar month, UTC.

    A limit in US dollars counts the tokens and images of models at the catalogue's on-demand prices, which must be
    known for every model that is offered; searches, reranking and code that runs are not counted.
    """

    requests_per_day: Annotated[int, Field(ge=1, le=1_000_000)] = 500
    """Maximum number of requests of a user in a day."""

    tokens_per_day: _Tokens = 500_000
    """Maximum number of tokens, of requests and responses together, of a user in a day."""

    usd_per_day: _Dollars | None = None
    """Maximum price of the tokens of a user in a day, in US dollars. Default: no limit."""

    blocks_per_day: Annotated[int, Field(ge=1, le=10_000)] = 20
    """Number of blocked requests and responses after which a user is locked out for the day. A user can have at most as
    many requests answered at a time as may still be blocked."""

    tokens_per_month: _Tokens | None = None
    """Maximum number of tokens of a user in a calendar month. Default: no limit."""

    usd_per_month: _Dollars | None = None
    """Maximum price of the tokens of a user in a calendar month, in US dollars. Default: no limit."""

    groups: Annotated[dict[GroupName, GroupBudget], Field(max_length=50)] = {}
    """Budgets that the members of a group share, by its name, beside those of each user. Default: none."""

    @property
    def day(self) -> dict[str, int]:
        """What may be used in a day, as functions count it."""
        whole = {"requests": self.requests_per_day, "blocks": self.blocks_per_day}
        return {**whole, **limits(self.tokens_per_day, self.usd_per_day)}

    @property
    def month(self) -> dict[str, int]:
        """What may be used in a calendar month; nothing is not limited."""
        return limits(self.tokens_per_month, self.usd_per_month)

    @property
    def in_money(self) -> bool:
        """Whether a limit is in US dollars."""
        own = [self.usd_per_day, self.usd_per_month]
        return any(
            [*own, *(limit for each in self.groups.values() for limit in (each.usd_per_day, each.usd_per_month))]
        )


#: Types of files whose text can be extracted.
AttachmentType = Literal["csv", "docx", "html", "md", "pdf", "txt", "xlsx"]
ATTACHMENT_TYPES: tuple[AttachmentType, ...] = get_args(AttachmentType)


class AttachmentOptions(Options):
    """Files that users attach to conversations."""

    megabytes: Annotated[int, Field(ge=1, le=50)] = 10
    """Maximum size of a file, in megabytes of 1,000,000 bytes."""

    types: Annotated[list[AttachmentType], Field(min_length=1, max_length=len(ATTACHMENT_TYPES))] = list(
        ATTACHMENT_TYPES
    )
    """Types of files, by extension. Default: all whose text can be extracted."""

    files: Annotated[int, Field(ge=1, le=20)] = 10
    """Maximum number of files of a conversation."""

    characters: Annotated[int, Field(ge=1000, le=100_000)] = 20_000
    """Number of characters of a file that the model is shown, with each question of the conversation."""

    per_day: Annotated[int, Field(ge=1, le=10_000)] = 50
    """Maximum number of files that a user uploads in a day, UTC."""

    malware_protection: bool = False
    """Whether Amazon GuardDuty scans files for malware before they are read. It charges for each file and gigabyte."""

    @field_validator("types")
    @classmethod
    def _once(cls, types: list[AttachmentType]) -> list[AttachmentType]:
        return sorted(set(types))


class HistoryOptions(Options):
    """Conversations that are stored, so that they can be continued, found again and shared."""

    days: Annotated[int, Field(ge=1, le=3650)] = 90
    """Number of days until a message expires."""

    turns: Annotated[int, Field(ge=1, le=100)] = 20
    """Number of earlier questions of a conversation, with their answers, that the model is shown with the next one."""

    attachments: AttachmentOptions | None = None
    """Files that users attach to conversations. Default: files cannot be attached."""


class MachineOptions(Options):
    """A program that asks with credentials of its own, without a user (client credentials grant).

    Amazon Cognito charges each such app client, and each token that it requests.

    https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-define-resource-servers.html
    """

    scopes: Annotated[list[ScopeName], Field(min_length=1)] = ["ask"]
    """What the program may do. In a user pool that exists, it gets the scopes of user_pool that belong to a resource
    server instead."""

    groups: list[Group] = []
    """Groups whose documents the program may read, and whose assistants it may ask. Default: none."""

    budget: UsageBudgetOptions | None = None
    """How much the program may use. Default: as much as a user. Budgets of groups are those of users."""

    @model_validator(mode="after")
    def _shares_budgets_of_groups(self) -> Self:
        if self.budget and self.budget.groups:
            raise InvalidValueError(
                "Programs share the budgets of groups with users", field="budget.groups", hint="Set chat.budget.groups"
            )
        return self


class PrivateApi(Options):
    """An API that only VPCs can call, through interface endpoints of ``execute-api``.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-private-apis.html
    """

    vpc_endpoint_ids: list[_VpcEndpointId] = []
    """IDs of interface endpoints of execute-api that exist. Default: any endpoint in the VPC of network, which gets
    one."""

    allowed_addresses: Annotated[list[AddressRange], Field(max_length=100)] = []
    """Private IPv4 and IPv6 ranges in CIDR notation whose requests are allowed. Default: any address in the VPC, and
    what reaches the endpoints from connected networks."""


class CustomDomain(Options):
    """A domain name of your own.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-regional-api-custom-domain-create.html
    """

    name: DomainName
    """Domain name."""

    certificate_arn: CertificateArn
    """ARN of a certificate for the domain name in AWS Certificate Manager, in the Region of the API."""

    base_path: (
        Annotated[str, text(r"^[A-Za-z0-9$_.+!*'()-]+$", "be one segment of a path, without slashes", max_length=300)]
        | None
    ) = None
    """First segment of the path, when several APIs share the domain name. Default: none."""

    security_policy: Literal[
        "TLS_1_2",
        "SecurityPolicy_TLS13_1_2_2021_06",
        "SecurityPolicy_TLS13_1_2_PQ_2025_09",
        "SecurityPolicy_TLS13_1_2_PFS_PQ_2025_09",
        "SecurityPolicy_TLS13_1_3_2025_09",
        "SecurityPolicy_TLS13_1_3_FIPS_2025_09",
    ] = "TLS_1_2"
    """Security policy: the minimum TLS version, and the cipher suites.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-security-policies-list.html"""

    hosted_zone_id: HostedZoneId | None = None
    """ID of the Amazon Route 53 hosted zone to create the alias record in. Default: you create the record; an output
    of the stack has its target."""


class EdgeDomain(Options):
    """A domain name of your own for the distribution.

    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/CNAMEs.html
    """

    name: DomainName
    """Domain name."""

    certificate_arn: CertificateArn
    """ARN of a certificate for the domain name in AWS Certificate Manager, in us-east-1."""

    security_policy: Literal["TLSv1.2_2021", "TLSv1.2_2025", "TLSv1.3_2025"] = "TLSv1.2_2021"
    """Security policy: the minimum TLS version, and the cipher suites.
    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/secure-connections-supported-viewer-protocols-ciphers.html"""

    hosted_zone_id: HostedZoneId | None = None
    """ID of the Amazon Route 53 hosted zone to create the alias records in. Default: you create the records; an output
    of the stack has their target."""

    @model_validator(mode="after")
    def _in_one_region(self) -> Self:
        # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cnames-and-https-requirements.html
        if region_of(self.certificate_arn) != EDGE_REGION:
            raise InvalidValueError(
                f"{self.certificate_arn} is in {region_of(self.certificate_arn)}, and CloudFront uses certificates of "
                f"{EDGE_REGION} only",
                field="certificate_arn",
                hint=f"Request or import the certificate in {EDGE_REGION}",
            )
        return self


class EdgeOptions(Options):
    """A CloudFront distribution in front of the API and its page."""

    domain: EdgeDomain | None = None
    """A domain name of your own, with a minimum TLS version of 1.2. Default: a name of cloudfront.net, whose
    certificate also accepts TLS 1.0 and 1.1."""

    requests_per_user: Annotated[int, Field(ge=10, le=2_000_000_000)] = 300
    """Maximum number of requests with one access token in five minutes. Requests without a token count for their IP
    address only."""

    bot_control: bool = False
    """Whether to block bots with AWS WAF Bot Control, which is charged extra by the month and by the request. It also
    blocks clients that are not browsers, such as curl and HTTP libraries. Default: no."""

    countries: Annotated[list[Country], Field(max_length=249)] = []
    """ISO 3166-1 codes of the countries that requests are allowed from. Default: any."""

    rotation_days: Annotated[int, Field(ge=1, le=1000)] = 30
    """Number of days between rotations of the secret that CloudFront sends to the API."""

    propagation_seconds: Annotated[int, Field(ge=0, le=300)] = 120
    """Number of seconds between the API accepting a new secret and CloudFront sending it, because AWS WAF takes up to a
    few minutes to apply a change everywhere."""


class ChatOptions(IdentityOptions, FirewallOptions, Inference):
    """The chat API."""

    models: list[ModelId] = []
    """Models to offer; the first is the default. Default: every chat model that may be called."""

    max_tokens: Annotated[int, Field(ge=1, le=MOST_WAITED_TOKENS)] = 1024
    """Maximum number of tokens of a response: as many as a model generates in the 29 seconds that API Gateway waits."""

    temperature: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Default temperature, and the maximum that a caller may set."""

    parameters: dict[ModelId, ModelParameters] = {}
    """Inference parameters of single models, by model ID. They take precedence over max_tokens and temperature."""

    requests_per_second: Annotated[float, Field(gt=0, le=10_000)] = 10
    """Sustained rate of requests of all callers together."""

    burst: Annotated[int, Field(ge=1, le=5_000)] = 20
    """Number of concurrent requests above that rate."""

    seconds_per_answer: Annotated[float, Field(gt=0, le=29)] = SECONDS_PER_ANSWER
    """Expected number of seconds of a response, retrieval included, from which the concurrency is derived."""

    concurrency: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Maximum number of concurrent responses, reserved from the account's limit, of which at least 100 must remain: at
    least requests_per_second times seconds_per_answer. Default: what the account has left or, where concurrency is
    reserved, that product plus burst."""

    account_log_role: bool = True
    """Whether to set the role that API Gateway writes logs with, which an account and Region has one of. Set it to
    false if another stack sets it."""

    allowed_origins: Annotated[list[Origin], Field(max_length=20)] = []
    """Exact origins of web pages that may call the API from a browser (CORS). Default: none."""

    private_api: PrivateApi | None = None
    """Make the API private. Default: it has a public Regional endpoint."""

    domain: CustomDomain | None = None
    """A domain name of your own. The default endpoint is disabled then. Default: none."""

    @model_validator(mode="after")
    def _can_chat(self) -> Self:
        if self.models:
            check_chat(self.models, self.max_tokens)
        for model, each in self.parameters.items():
            with below(f"parameters.{model}"):
                check_waited(each.max_tokens or 0)
        return self

    @model_validator(mode="after")
    def _carries_its_rate(self) -> Self:
        if self.concurrency:
            check_concurrency(self.concurrency, self.requests_per_second, self.seconds_per_answer)
        return self

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if self.private_api and self.allowed_addresses:
            raise InvalidValueError(
                "Requests to a private API come from private addresses",
                field="allowed_addresses",
                hint="Set private_api.allowed_addresses instead",
            )
        if self.private_api and self.domain:
            raise InvalidValueError(
                "A private API cannot have a Regional domain name",
                field="domain",
                hint="Leave domain or private_api out",
            )
        return self

    @property
    def in_network(self) -> bool:
        """Whether the API is called through the VPC of network."""
        return bool(self.private_api and not self.private_api.vpc_endpoint_ids)

    def check_edge(self) -> None:
        """Refuse an API that CloudFront cannot be in front of.

        :raises InvalidValueError: naming the field.
        """
        if self.private_api:
            # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-vpc-origins.html
            raise InvalidValueError(
                "CloudFront cannot reach a private API",
                field="private_api",
                hint="Leave private_api or edge out",
            )
        if self.domain:
            raise InvalidValueError(
                "Behind CloudFront the API has no domain name of its own, and its default endpoint must be there",
                field="domain",
                hint="Name the domain in edge.domain, with a certificate in us-east-1",
            )
        if self.allowed_origins:
            raise InvalidValueError(
                "Behind CloudFront the page has the same origin as the API, and needs no CORS",
                field="allowed_origins",
                hint="Leave allowed_origins out, and serve the page from the bucket of the distribution",
            )

    def check_region(self, region: str) -> None:
        """Refuse what must be in the Region of the API and is not.

        :raises InvalidValueError: naming the field.
        """
        regional = {"domain.certificate_arn": self.domain.certificate_arn if self.domain else None}
        if self.user_pool and not self.user_pool.client_ids:
            # An app client is created in it.
            regional["user_pool.arn"] = self.user_pool.arn
        if self.federation and self.federation.oidc:
            regional["federation.oidc.client_secret_arn"] = self.federation.oidc.client_secret_arn
        for field, arn in regional.items():
            if arn and region_of(arn) != region:
                raise InvalidValueError(
                    f"{arn} is in {region_of(arn)}, not in {region}", field=field, hint=f"Name one of {region}"
                )


#: A part of the path of its API, and of names of resources.
AssistantName = Annotated[Name, Field(max_length=32)]
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


def check_assistant(name: str) -> None:
    """Reject a name that an assistant cannot have.

    :raises InvalidValueError: naming it.
    """
    if not _NAME.fullmatch(name) or len(name) > 32:
        raise InvalidValueError(
            f"{name!r} is no name of an assistant",
            field="name",
            hint="Begin with a lower-case letter, and use up to 32 of such letters, digits and single hyphens",
        )


class AnswerLimits(Options):
    """How much one answer may use. Kinds without tools call a model once."""

    steps: Annotated[int, Field(ge=1, le=50)] = 8
    """Maximum number of calls of the model."""

    tool_calls: Annotated[int, Field(ge=1, le=200)] = 16
    """Maximum number of uses of tools."""

    usd: Annotated[float, Field(gt=0, le=1_000)] | None = None
    """Maximum price of the tokens and images, in US dollars. The price of every model must be known. Default: no limit
    beside the usage budget of the user."""


CodeLanguage = Literal["python", "javascript", "typescript"]


class CodeOptions(Options):
    """The code interpreter of an assistant of kind code.

    https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/code-interpreter-tool.html
    """

    languages: Annotated[list[CodeLanguage], Field(min_length=1)] = ["python", "javascript", "typescript"]
    """Languages that code may be written in."""

    session_seconds: Annotated[int, Field(ge=10, le=900)] = 300
    """Maximum number of seconds of a session, which is all the code of one answer."""


class ContentOptions(Options):
    """The images of an assistant of kind content."""

    models: list[ModelId] = []
    """Image models to offer; the first is the default. Default: every model that may be called and draws new
    images."""

    images_per_answer: Annotated[int, Field(ge=1, le=10)] = 2
    """Maximum number of images in an answer. The usage budget counts images in its limits in US dollars only."""

    retention_days: Annotated[int, Field(ge=1, le=3650)] = 30
    """Number of days after which an image expires."""

    style: (
        Annotated[
            str,
            text(
                r"^[A-Za-z0-9][A-Za-z0-9._-]*\.(png|jpg|jpeg)$",
                "be the name of a PNG or JPEG file",
                max_length=100,
            ),
        ]
        | None
    ) = None
    """Name of an image whose style new images follow, for models that take a style. Upload it below styles/ in the
    bucket of the images. Default: no particular style."""


#: https://docs.aws.amazon.com/athena/latest/ug/tables-databases-columns-names.html
_TableName = Annotated[
    str,
    text(
        r"^[a-z0-9_]{1,128}\.[a-z0-9_]{1,128}$",
        "be database.table, in lower-case letters, digits and underscores, such as shop.orders",
    ),
]
#: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
_LOCATION = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(?P<prefix>([A-Za-z0-9_!.'()=/-]*/)?)")
#: Bytes of the names of tables, out of the quota of 4 KB for the environment variables of a function:
#: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
_MOST_NAMES = 1_500


class InsightData(Options):
    """Data of tables in Amazon S3."""

    location: Annotated[str, Field(max_length=1024)]
    """Location as s3://bucket/prefix/, or s3://bucket/ for all of a bucket."""

    key_arn: KeyArn | None = None
    """ARN of the AWS KMS key that encrypts the data. Its key policy must let IAM policies of this account allow its
    use. Default: the data are encrypted with SSE-S3."""

    @model_validator(mode="after")
    def _a_location(self) -> Self:
        self.place()
        return self

    def place(self) -> tuple[str, str]:
        """The bucket and the prefix, which is empty or ends in ``/``.

        :raises InvalidValueError: if the location is not one of Amazon S3.
        """
        found = _LOCATION.fullmatch(self.location)
        if found is None:
            raise InvalidValueError(
                f"{self.location} is not an S3 location of tables",
                field="location",
                hint="Write it as s3://bucket/prefix/, with the slash at its end",
            )
        return found["bucket"], found["prefix"]


class InsightOptions(Options):
    """The tables that an assistant of kind insight answers from, and the limits of one query.

    https://docs.aws.amazon.com/athena/latest/ug/workgroups-setting-control-limits-cloudwatch.html
    """

    tables: Annotated[list[_TableName], Field(min_length=1, max_length=30)]
    """Tables of the AWS Glue Data Catalog of this account and Region, as database.table. Every user of the assistant
    may read all of them."""

    data: Annotated[list[InsightData], Field(min_length=1, max_length=10)]
    """Where the data of the tables are. Nothing else can be read."""

    max_bytes: Annotated[int, Field(ge=10_000_000, le=2_147_483_647)] = 1_000_000_000
    """Maximum number of bytes that one query reads, after which Athena cancels it."""

    max_rows: Annotated[int, Field(ge=1, le=1_000)] = 200
    """Maximum number of rows of a result."""

    max_seconds: Annotated[int, Field(ge=5, le=600)] = 60
    """Maximum number of seconds of a query."""

    workgroup: (
        Annotated[str, text(r"^[A-Za-z0-9._-]{1,128}$", "have letters, digits, dots, underscores and hyphens")] | None
    ) = None
    """Name of the Athena workgroup, which is created. Default: the name of the environment and of the assistant."""

    @model_validator(mode="after")
    def _short(self) -> Self:
        if len("".join(self.tables)) > _MOST_NAMES:
            raise InvalidValueError(
                f"The names of the tables have {len(''.join(self.tables)):,} characters, and the function takes "
                f"{_MOST_NAMES:,}",
                field="tables",
                hint="Name fewer tables",
            )
        return self


#: The kinds that have tools and options of their own; for those whose options have no defaults, what is missing without
#: them, and what to do.
KINDS_WITH_TOOLS: dict[str, tuple[str, str] | None] = {
    "agent": ("has tools", "Name its targets"),
    "code": None,
    "content": None,
    "insight": ("answers from tables", "Name them in insight.tables"),
}


#: Maximum number of tools of an agent: their names are in an environment variable of its function.
MOST_TOOLS = 30
#: Part of the name that a model calls a tool by, which has at most 64 characters:
#: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolSpecification.html
ToolName = Annotated[
    str,
    text(
        r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$",
        "begin with a lower-case letter, and go on with such letters, digits and single underscores",
        max_length=32,
    ),
]
_ParameterName = Annotated[
    str, text(r"^[A-Za-z][A-Za-z0-9_]*$", "have letters, digits and underscores, a letter first", max_length=64)
]
_Scalar = Literal["boolean", "integer", "number", "string"]


class ToolParameter(Options):
    """A parameter of a tool.

    https://docs.aws.amazon.com/bedrock-agentcore-control/latest/APIReference/API_SchemaDefinition.html
    """

    type: Literal["array", "boolean", "integer", "number", "string"] = "string"
    """Type of its value."""

    items: _Scalar | None = None
    """Type of the values in an array."""

    description: Annotated[str, Field(min_length=1, max_length=500)]
    """What it means, for the model."""

    required: bool = True
    """Whether each use needs it."""

    @model_validator(mode="after")
    def _items_of_arrays(self) -> Self:
        if (self.type == "array") != (self.items is not None):
            raise InvalidValueError(
                "An array has items, and no other type has", field="items", hint="Set items of an array only"
            )
        return self


class AgentTool(Options):
    """A tool of an agent."""

    description: Annotated[str, Field(min_length=1, max_length=1000)]
    """What it does and when to use it, for the model."""

    input: Annotated[dict[_ParameterName, ToolParameter], Field(max_length=30)] = {}
    """Its parameters, by name. Default: none."""

    confirm: bool = True
    """Whether the user confirms each use before it runs. Set it to false for tools that change nothing."""

    groups: Annotated[list[Group], Field(min_length=1, max_length=50)]
    """Groups of users that may use it. Nobody else may, whatever the model asks for."""


class AgentTarget(Options):
    """A Lambda function with tools.

    https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/gateway-add-target-lambda.html
    """

    function_arn: FunctionArn | None = None
    """ARN of the function. In code, it may be passed as an object instead."""

    tools: Annotated[dict[ToolName, AgentTool], Field(min_length=1, max_length=MOST_TOOLS)]
    """Its tools, by name. The function receives the name in its context, and the arguments as its event."""


class AgentOptions(Options):
    """The tools of an agent."""

    targets: Annotated[dict[Name, AgentTarget], Field(min_length=1, max_length=10)]
    """Functions with tools, by name. A model and the audit log know a tool as the two names with three underscores
    between them, such as desk___close_ticket."""

    @property
    def tools(self) -> dict[str, AgentTool]:
        """Every tool, by its name in the gateway."""
        return {
            f"{target}___{name}": tool for target, each in self.targets.items() for name, tool in each.tools.items()
        }

    @property
    def groups(self) -> set[str]:
        """Every group that may use a tool."""
        return {group for tool in self.tools.values() for group in tool.groups}

    @model_validator(mode="after")
    def _not_too_many(self) -> Self:
        if len(self.tools) > MOST_TOOLS:
            raise InvalidValueError(
                f"{len(self.tools)} tools are more than the {MOST_TOOLS} that an agent can have",
                field="targets",
                hint="Make two agents",
            )
        return self


class AssistantOptions(Inference):
    """An assistant, which streams its answers as server-sent events."""

    kind: Literal["chat", "retrieval", "agent", "insight", "code", "content"] = "chat"
    """chat converses; retrieval answers from the documents of a knowledge base that the user may read, names them, and
    says so where there are none; agent acts with tools; insight answers from tables, by queries of Amazon Athena, with
    a table and a chart; code writes code and runs it; content writes texts and draws images."""

    agent: AgentOptions | None = None
    """Tools of an assistant of kind agent."""

    insight: InsightOptions | None = None
    """The tables of an assistant of kind insight."""

    models: list[ModelId] = []
    """Models to offer; the first is the default. Default: every chat model that may be called."""

    parameters: dict[ModelId, ModelParameters] = {}
    """Inference parameters of single models, by model ID. They take precedence over max_tokens and temperature."""

    timeout_seconds: Annotated[int, Field(ge=30, le=900)] = 300
    """Maximum number of seconds of an answer."""

    limits: AnswerLimits = AnswerLimits()
    """Limits of one answer."""

    groups: list[Group] = []
    """Groups of users that may ask. Others are refused before anything is paid. Default: everybody who signs in."""

    code: CodeOptions | None = None
    """The code interpreter of an assistant of kind code. Default: the defaults of its options."""

    content: ContentOptions | None = None
    """The images of an assistant of kind content. Default: the defaults of its options."""

    openai: bool = False
    """Whether the assistant also answers in the form of OpenAI's chat completions, for clients that speak it, behind
    the same sign-in, guardrail and budget."""

    first_token_seconds: Annotated[float, Field(ge=0.1, le=300)] = 10
    """Number of seconds until the first part of an answer. If one answer in ten takes longer for 15 minutes, an alarm
    is raised."""

    log_content: bool = False
    """Whether to write questions and answers to the encrypted log group of the assistant's function, where everybody
    who may read its logs reads them, for as long as security.log_days says. Default: logs hold neither."""

    concurrency: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Maximum number of concurrent answers, reserved from the account's limit, of which at least 100 must remain.
    Default: what the account has left or, where concurrency is reserved, 20."""

    @model_validator(mode="after")
    def _can_answer(self) -> Self:
        if self.models:
            check_chat(self.models, self.max_tokens)
        return self

    @model_validator(mode="after")
    def _options_of_its_kind(self) -> Self:
        for kind, missing in KINDS_WITH_TOOLS.items():
            given = getattr(self, kind) is not None
            if given and self.kind != kind:
                raise InvalidValueError(
                    f"An assistant of kind {self.kind} has no options of kind {kind}",
                    field=kind,
                    hint=f"Set kind to {kind}, or leave {kind} out",
                )
            if missing and self.kind == kind and not given:
                raise InvalidValueError(f"An assistant of kind {kind} {missing[0]}", field=kind, hint=missing[1])
        return self


def check_toolset(options: AssistantOptions, tools: str | None) -> None:
    """Reject an assistant whose kind does not fit its tools.

    :param tools: the kind of its tools; None if it has none.
    :raises InvalidValueError: if they are missing, or of another kind.
    """
    if options.kind in KINDS_WITH_TOOLS and tools != options.kind:
        construct = f"{options.kind.capitalize()}Tools"
        raise InvalidValueError(
            f"An assistant of kind {options.kind} has the tools of {construct}",
            field="toolset",
            hint=f"Pass toolset={construct}(...)",
        )
    if options.kind not in KINDS_WITH_TOOLS and tools in KINDS_WITH_TOOLS:
        raise InvalidValueError(
            f"These are the tools of kind {tools}, not {options.kind}", field="toolset", hint=f"Set kind to {tools}"
        )


def check_knowledge(options: AssistantOptions, *, given: bool) -> None:
    """Reject an assistant whose kind does not fit its knowledge base.

    :param given: whether it has one.
    :raises InvalidValueError: if it is missing, or not used.
    """
    if options.kind == "retrieval" and not given:
        raise InvalidValueError(
            "An assistant of kind retrieval answers from a knowledge base", field="knowledge", hint="Name one"
        )
    if options.kind != "retrieval" and given:
        raise InvalidValueError(
            f"An assistant of kind {options.kind} does not use a knowledge base",
            field="knowledge",
            hint="Set kind to retrieval, or leave knowledge out",
        )
