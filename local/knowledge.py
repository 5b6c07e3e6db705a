"""Which documents an answer is based on, and why there are none."""

from __future__ import annotations

from aws_genai.functions.knowledge_ingestion.names import ACCEPTED, INCOMING
from settings import SettingsError, load, make

from . import users
from .chat import Chat, Reply
from .emulator import Account


def told(account: Account, chat: Chat, environment: str, email: str, reply: Reply) -> list[str]:
    """Lines about the documents of an answer. Empty if the chat answers without documents."""
    if "sources" not in reply.body:
        return []
    if found := [str(each["document"]) for each in reply.body["sources"]]:
        return [f"From documents {', '.join(dict.fromkeys(found))}"]
    there = users.groups_of_pool(account, chat.pool)
    mine = users.groups_of_user(account, chat.pool, email)
    if not mine:
        return [
            f"From no document: {email} is in no group, and each document is for groups ({', '.join(there)}). "
            f"Change that with {make('local-user', environment, EMAIL=email, GROUPS=','.join(there))}"
        ]
    bucket, source = _place(account, chat, environment)
    if bucket and not account.client("s3").list_objects_v2(Bucket=bucket, Prefix=ACCEPTED, MaxKeys=1).get("Contents"):
        return [
            "From no document: the knowledge base holds none yet. Put some in: "
            f"{account.shell()} aws s3 cp document.md s3://{bucket}/{INCOMING}{source}/"
        ]
    return [f"From no document: of those that {', '.join(mine)} may read, none was found for this question"]


def _place(account: Account, chat: Chat, environment: str) -> tuple[str, str]:
    """The bucket for documents of the chat, and one of its data sources. Empty if the settings have none."""
    try:
        settings = load(environment)
    except SettingsError:
        return "", ""
    name = settings.application.chat.knowledge if settings.application and settings.application.chat else None
    if not name or not settings.models or not settings.models.knowledge[name].sources:
        return "", ""
    stack = f"{chat.stack.rpartition('-')[0]}-models"
    outputs = account.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0].get("Outputs", [])
    begin = f"{name.replace('-', '')}knowledgeBucketName"
    bucket = next((str(each["OutputValue"]) for each in outputs if each["OutputKey"].startswith(begin)), "")
    return bucket, next(iter(settings.models.knowledge[name].sources))
