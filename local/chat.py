"""A user of the deployed chat: invites one, signs in as the user pool asks, puts questions."""

from __future__ import annotations

import json
import secrets
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pyotp
import urllib3
from botocore import UNSIGNED
from botocore.exceptions import ClientError
from pycognito.aws_srp import AWSSRP

from .emulator import Account
from .home import Home, LocalError

EMAIL = "you@example.com"
#: Longer than API Gateway waits for an answer.
ANSWER_SECONDS = 35


@dataclass(frozen=True)
class Chat:
    """What a deploy says of its chat."""

    url: str
    pool: str
    client_id: str


@dataclass(frozen=True)
class Reply:
    """What the chat answered."""

    status: int
    body: dict[str, Any]

    @property
    def text(self) -> str:
        """The answer, or the error's sentence."""
        error = self.body.get("error", {})
        return str(self.body.get("text") or (error.get("message") if isinstance(error, dict) else "") or self.body)


def deployed(account: Account, stacks: list[str]) -> Chat | None:
    """The chat that the stacks hold, if they do; its address is the local form of the one on AWS."""
    outputs: dict[str, str] = {}
    for stack in stacks:
        try:
            described = account.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
        except ClientError:
            continue
        outputs |= {each["OutputKey"]: each["OutputValue"] for each in described.get("Outputs", [])}
    url = _starting_with(outputs, "ChatUrl")
    if not url:
        return None
    parts = urlsplit(url)
    return Chat(
        url=f"{account.url}/_aws/execute-api/{parts.netloc.split('.')[0]}{parts.path}",
        pool=_starting_with(outputs, "UsersPoolId"),
        client_id=_starting_with(outputs, "UsersClientId"),
    )


def _starting_with(outputs: dict[str, str], prefix: str) -> str:
    return next((value for key, value in outputs.items() if key.startswith(prefix)), "")


def sign_in(home: Home, account: Account, chat: Chat) -> str:
    """The ID token of the local user, who is invited first where the pool does not know them.

    :raises LocalError: if Cognito refuses.
    """
    user = home.read(home.user)
    if user.get("pool") != chat.pool:
        user = {"pool": chat.pool, "email": EMAIL, "password": _password(), "otp_secret": ""}
        _invite(account, user)
        home.write(home.user, user)
    try:
        token = _authenticate(account, chat, user)
    except ClientError as error:
        raise LocalError(f"The local user cannot sign in: {error}. Run make local-down and make local.") from error
    home.write(home.user, user)  # a second factor may have been set up
    return token


def _password() -> str:
    """A password that satisfies any of Cognito's policies."""
    return f"Aa1!{secrets.token_urlsafe(24)}"


def _invite(account: Account, user: dict[str, str]) -> None:
    identity = account.client("cognito-idp")
    name = {"UserPoolId": user["pool"], "Username": user["email"]}
    attributes = [{"Name": "email", "Value": user["email"]}, {"Name": "email_verified", "Value": "true"}]
    # A user who is there already lost their password with .local/user.json and gets this one.
    with suppress(identity.exceptions.UsernameExistsException):
        identity.admin_create_user(
            **name, UserAttributes=attributes, TemporaryPassword=user["password"], MessageAction="SUPPRESS"
        )
    identity.admin_set_user_password(**name, Password=user["password"], Permanent=True)


def _authenticate(account: Account, chat: Chat, user: dict[str, str]) -> str:
    """Sign in by SRP, and by a second factor where the pool asks for one.

    https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-authentication-flow-methods.html
    """
    # Anyone may sign in: these calls carry no AWS credentials.
    identity = account.client("cognito-idp", signature_version=UNSIGNED)
    srp = AWSSRP(user["email"], user["password"], chat.pool, chat.client_id, client=identity)
    parameters = srp.get_auth_params()
    answer = identity.initiate_auth(ClientId=chat.client_id, AuthFlow="USER_SRP_AUTH", AuthParameters=parameters)
    response = srp.process_challenge(answer["ChallengeParameters"], parameters)
    answer = identity.respond_to_auth_challenge(
        ClientId=chat.client_id, ChallengeName=answer["ChallengeName"], ChallengeResponses=response
    )
    if answer.get("ChallengeName") == "MFA_SETUP":
        answer = _set_up_factor(identity, chat, user, answer["Session"])
    if answer.get("ChallengeName") == "SOFTWARE_TOKEN_MFA":
        code = {"USERNAME": user["email"], "SOFTWARE_TOKEN_MFA_CODE": pyotp.TOTP(user["otp_secret"]).now()}
        answer = identity.respond_to_auth_challenge(
            ClientId=chat.client_id,
            ChallengeName="SOFTWARE_TOKEN_MFA",
            ChallengeResponses=code,
            Session=answer["Session"],
        )
    return str(answer["AuthenticationResult"]["IdToken"])


def _set_up_factor(identity: Any, chat: Chat, user: dict[str, str], session: str) -> dict[str, Any]:
    """Register an authenticator app for a user whose pool requires one."""
    registered = identity.associate_software_token(Session=session)
    user["otp_secret"] = registered["SecretCode"]
    code = pyotp.TOTP(user["otp_secret"]).now()
    verified = identity.verify_software_token(Session=registered["Session"], UserCode=code)
    answer: dict[str, Any] = identity.respond_to_auth_challenge(
        ClientId=chat.client_id,
        ChallengeName="MFA_SETUP",
        ChallengeResponses={"USERNAME": user["email"]},
        Session=verified["Session"],
    )
    return answer


def ask(chat: Chat, token: str | None, question: str | bytes | dict[str, Any]) -> Reply:
    """Put a question to the chat: a sentence, or a body as it is.

    :raises LocalError: if the account does not answer.
    """
    body = question
    if isinstance(question, str):
        body = {"messages": [{"role": "user", "text": question}]}
    if isinstance(body, dict):
        body = json.dumps(body).encode()
    headers = {"Content-Type": "application/json", **({"Authorization": token} if token else {})}
    try:
        response = urllib3.request("POST", chat.url, body=body, headers=headers, timeout=ANSWER_SECONDS, retries=False)
    except urllib3.exceptions.HTTPError as error:
        raise LocalError(f"{chat.url} does not answer: {error}. Run make local-status.") from error
    try:
        content = json.loads(response.data or b"{}")
    except ValueError:
        content = {"message": response.data.decode(errors="replace")}
    return Reply(response.status, content)


def curl(chat: Chat, home: Home) -> str:
    """A line for the shell that asks a question; the token stands in a file, not in the shell's history."""
    file = home.folder / "token"
    return (
        f'curl -s {chat.url} -H "Authorization: $(cat {file})" -H "Content-Type: application/json" '
        """-d '{"messages": [{"role": "user", "text": "Hello"}]}'"""
    )
