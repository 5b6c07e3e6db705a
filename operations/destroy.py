"""Delete an environment with all its data: ``make destroy ENV=dev``.

It closes and empties the buckets, stops jobs and executions, deletes the stacks in reverse order of deployment, and
deletes what services created outside of the stacks. It lists what remains, why, and its cost per month. Objects under
Object Lock stay locked. After a failure, run it again: it continues where it stopped. It does not delete an environment
with ``security.retain: true``, unless it is told to delete only the stacks: then the retained resources remain, and a
later deployment creates new ones beside them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from settings import STACKS, Settings, SettingsError, load, told

from .destroying import buckets, stacks
from .destroying.after import After
from .destroying.before import Before
from .destroying.stacks import Deployed, Environment, Failed
from .destroying.staying import Clients, DestroyError, Stays, Told, usd_of

#: Types that every template retains, because they are deleted with the resource that they belong to, or after it.
_GO_ANYWAY = {
    "AWS::ApiGateway::Account",
    "AWS::Bedrock::FlowVersion",
    "AWS::Bedrock::GuardrailVersion",
    "AWS::Bedrock::PromptVersion",
    "AWS::IAM::Role",
}
_VECTORS = ("AWS::OpenSearchServerless::Collection", "AWS::RDS::DBCluster", "AWS::S3Vectors::VectorBucket")
#: Properties that an update of a data source must repeat.
_SAME = ("name", "dataSourceConfiguration", "vectorIngestionConfiguration", "serverSideEncryptionConfiguration")
#: Amount of time, in seconds, between two status checks of a stack. The local account needs less.
_PAUSE = 5.0


class Destruction:
    """Deletes one environment.

    :param keep: whether to delete only the stacks, and to keep the resources that they retain.
    :param say: called with each progress message. Default: ``print``.
    """

    def __init__(
        self,
        settings: Settings,
        clients: Clients,
        *,
        keep: bool = False,
        say: Callable[[str], None] = print,
        pause: float = _PAUSE,
    ) -> None:
        self._settings, self._clients, self._keep, self._say, self._pause = settings, clients, keep, say, pause
        self._tags = {"project": settings.project, "environment": settings.environment}
        self.told = Told()
        self._before = Before(clients, self.told, pause=pause)
        self._after = After(clients, self.told, self._tags, pause=pause)
        #: Objects that S3 did not delete, by bucket.
        self._rests: dict[str, buckets.Rest] = {}
        self._policies: dict[str, str] = {}
        #: Reasons why resources that retained data depends on could not be deleted, by physical id.
        self._hanging: dict[str, str] = {}
        self._failed: set[str] = set()
        self.stacks = stacks.find(clients("cloudformation"), settings)
        self.left = self._left_before()
        #: Stacks that are already deleted, and whose leftovers are to be deleted.
        self.gone = [] if keep else stacks.gone(clients("cloudformation"), settings, self.stacks)

    def check(self) -> None:
        """Check, before anything is changed, that the environment may be deleted.

        :raises DestroyError: if a stack or a resource in it is protected.
        """
        if self._keep:
            return
        for stack in self.stacks:
            if stack.protected:
                raise DestroyError(
                    f"{stack.name} is protected, for {self._settings.environment} was deployed with security.retain: "
                    "true. To remove it with its data, set security.retain to false, deploy, and run this again. To "
                    "delete the stacks alone and keep the data, add KEEP=1 (--keep)."
                )
        self._before.check(self.stacks)

    def run(self) -> None:
        """Delete the stacks one after the other."""
        for stack in self.stacks:
            self._say(f"{stack.name}: {len(stack.resources)} resources")
            self._one(stack)
        if self._keep:
            return
        # Leftovers of stacks that earlier runs deleted.
        for stack in self.gone:
            self._after.clear(stack)
        for bucket in self.left:
            self._again(bucket)

    def _one(self, stack: Environment) -> None:
        cloudformation = self._clients("cloudformation")
        if self._keep and stack.protected:
            cloudformation.update_termination_protection(StackName=stack.name, EnableTerminationProtection=False)
        if not self._keep:
            self._before.prepare(stack)
            for bucket in self._buckets(stack):
                self._empty(bucket)
        self._after.wait_for_interfaces(stack, of_functions=self._keep)
        failed = stacks.delete(cloudformation, stack, keep=self._stays, mend=self._mend, pause=self._pause)
        for each in failed:
            self._tell(stack, each, each.reason)
        if failed:
            raise DestroyError(f"{stack.name} could not be deleted whole; what failed is told above. Run this again.")
        self._keep_locked(stack)
        if not self._keep:
            self._after.clear(replace(stack, resources=(*stack.resources, *stack.deleted)))
        for resource in stack.resources:
            if resource.physical_id in self._hanging:
                self._tell(stack, resource, self._hanging[resource.physical_id])
            elif resource.kept and resource.physical_id and (self._keep or resource.type not in _GO_ANYWAY):
                usd = usd_of(resource.type, resource.properties)
                self.told.stays.append(Stays(f"{resource.type} {resource.physical_id}", f"kept by {stack.name}", usd))

    def _buckets(self, stack: Environment) -> list[str]:
        """The buckets of a stack that are to be deleted, with those that receive access logs last."""
        receiving = "LoggingConfiguration"
        found = [each for each in stack.of("AWS::S3::Bucket") if not each.kept]
        return [each.physical_id for each in sorted(found, key=lambda each: receiving not in each.properties)]

    def _empty(self, bucket: str) -> None:
        s3 = self._clients("s3")
        policy = buckets.close(s3, bucket)
        if policy is None:
            return
        # CloudFormation deletes the policy before a later attempt, so the one from the first attempt is kept.
        self._policies.setdefault(bucket, policy)
        rest = buckets.empty(s3, bucket)
        self._rests.pop(bucket, None)
        if rest is not None:
            self._rests[bucket] = rest

    def _stays(self, failed: Failed) -> bool:
        """Whether a resource that CloudFormation could not delete is to remain: a bucket with locked objects.

        If data is retained, so are resources that it depends on, such as subnets of a database cluster. Repeated
        attempts to delete them fail too.
        """
        if self._keep:
            if failed.physical_id in self._failed:
                self._hanging[failed.physical_id] = failed.reason
            self._failed.add(failed.physical_id)
            return failed.physical_id in self._hanging
        return failed.type == "AWS::S3::Bucket" and failed.physical_id in self._rests

    def _mend(self, failed: Failed) -> None:
        """Remove the cause of a failure before CloudFormation tries again."""
        if failed.type == "AWS::S3::Bucket":
            self._empty(failed.physical_id)
        elif failed.type == "AWS::Bedrock::DataSource":
            self._forget_vectors(failed.physical_id)

    def _forget_vectors(self, source: str) -> None:
        """Let a data source be deleted without its vectors, which are deleted with their vector store.

        https://docs.aws.amazon.com/bedrock/latest/userguide/kb-ds-delete.html
        """
        agent, (base, _, known) = self._clients("bedrock-agent"), source.partition("|")
        which = {"knowledgeBaseId": base, "dataSourceId": known}
        try:
            found = agent.get_data_source(**which)["dataSource"]
            same = {name: found[name] for name in _SAME if name in found}
            agent.update_data_source(**which, **same, dataDeletionPolicy="RETAIN")
        except (ClientError, BotoCoreError) as error:
            self.told.note(f"The data source {known} keeps its vectors' deletion: {error}")

    def _keep_locked(self, stack: Environment) -> None:
        """Keep locked objects readable and locked: cancel the deletion of their key, and restore the bucket policy."""
        for bucket in self._buckets(stack):
            if bucket not in self._rests:
                continue
            s3, kms = self._clients("s3"), self._clients("kms")
            self.told.stays.append(self._rests[bucket].stays(bucket))
            s3.put_bucket_policy(Bucket=bucket, Policy=self._policies[bucket])
            key = buckets.key_of(s3, bucket)
            if key is None or key.rpartition("/")[2] not in {each.physical_id for each in stack.of("AWS::KMS::Key")}:
                continue
            if kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "PendingDeletion":
                kms.cancel_key_deletion(KeyId=key)
                kms.enable_key(KeyId=key)
                self.told.stays.append(_key_stays(key))

    def _left_before(self) -> list[str]:
        """Buckets that an earlier run closed, that S3 did not delete, and that no longer belong to a stack."""
        s3, held = self._clients("s3"), {name for stack in self.stacks for name in self._buckets(stack)}
        found = []
        for page in s3.get_paginator("list_buckets").paginate(Prefix=f"{self._settings.prefix}-"):
            for each in page.get("Buckets", ()):
                name = each["Name"]
                if name not in held and self._is_ours(s3, name) and buckets.is_closed(s3, name):
                    found.append(name)
        return found

    def _is_ours(self, s3: Any, bucket: str) -> bool:  # noqa: ANN401 - boto3 has no types
        if not bucket.startswith(tuple(f"{self._settings.prefix}-{layer}-" for layer in STACKS)):
            return False
        try:
            tags = {each["Key"]: each["Value"] for each in s3.get_bucket_tagging(Bucket=bucket)["TagSet"]}
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchTagSet":
                raise
            tags = self._tags
        region = s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] or "us-east-1"
        return self._tags.items() <= tags.items() and region == self._settings.region

    def _again(self, bucket: str) -> None:
        """Delete buckets that an earlier run had to leave, if their locks have expired."""
        s3, kms = self._clients("s3"), self._clients("kms")
        key, rest = buckets.key_of(s3, bucket), buckets.empty(s3, bucket)
        if rest is not None:
            self.told.stays.append(rest.stays(bucket))
            if key:
                self.told.stays.append(_key_stays(key))
            return
        s3.delete_bucket(Bucket=bucket)
        self._say(f"bucket {bucket}: deleted, for its locks have ended")
        others = [each for each in self.left if each != bucket and buckets.is_closed(s3, each)]
        if key and key not in {buckets.key_of(s3, each) for each in others} and self._is_our_key(kms, key):
            date = kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=30)["DeletionDate"]
            self.told.keys[key.rpartition("/")[2]] = date

    def _is_our_key(self, kms: Any, key: str) -> bool:  # noqa: ANN401
        tags = {each["TagKey"]: each["TagValue"] for each in kms.list_resource_tags(KeyId=key)["Tags"]}
        return self._tags.items() <= tags.items() and not any(
            key.rpartition("/")[2] == each.physical_id for stack in self.stacks for each in stack.of("AWS::KMS::Key")
        )

    def _tell(self, stack: Environment, failed: Failed | Deployed, reason: str) -> None:
        what = f"{failed.type} {failed.physical_id} of {stack.name}"
        self.told.stays.append(Stays(what, reason, self._price(stack, failed)))

    def _price(self, stack: Environment, failed: Failed | Deployed) -> float | None:
        properties = next((each.properties for each in stack.resources if each.logical_id == failed.logical_id), {})
        if "UsdPerUnitHour" in properties:
            return float(properties["Units"]) * float(properties["UsdPerUnitHour"]) * 730
        return usd_of(failed.type, properties)


def plan(settings: Settings, account: str, destruction: Destruction, keep: bool) -> str:
    """Describe what is about to be deleted, for the user to confirm."""
    lines = [f"{settings.prefix} in {settings.region} of account {account}:"]
    for stack in destruction.stacks:
        held = [f"{len(found)} {name}" for name, found in _data(stack).items() if found]
        also = f", with {', '.join(held)}" if held else ""
        lines.append(f"  {stack.name}: {len(stack.resources)} resources{also}")
    lines += [f"  {stack.name}: deleted already; its remaining resources are deleted" for stack in destruction.gone]
    lines += [f"  bucket {name}, left by an earlier run" for name in destruction.left if not keep]
    lines.append(
        "The stacks are deleted; what they retain stays."
        if keep
        else "The stacks are deleted with every file, vector, log and model in them. This cannot be undone."
    )
    return "\n".join(lines)


def _key_stays(key: str) -> Stays:
    return Stays(f"key {key}", "what is locked is encrypted under it", usd_of("AWS::KMS::Key", {}))


def _data(stack: Environment) -> dict[str, Sequence[Deployed]]:
    return {
        "buckets": stack.of("AWS::S3::Bucket"),
        "log groups": stack.of("AWS::Logs::LogGroup"),
        "stores of vectors": stack.of(*_VECTORS),
        "tables": stack.of("AWS::DynamoDB::Table"),
        "pools of users": stack.of("AWS::Cognito::UserPool"),
        "file systems": stack.of("AWS::FSx::FileSystem"),
        "keys": stack.of("AWS::KMS::Key"),
    }


def report(told: Told, console: Console) -> None:
    """Print what remains, why, and its cost."""
    for note in told.notes:
        console.print(note, markup=False)
    for date in sorted({f"{each:%Y-%m-%d}" for each in told.keys.values()}):
        ids = ", ".join(key for key, each in told.keys.items() if f"{each:%Y-%m-%d}" == date)
        console.print(
            f"Deleted on {date}, at no cost until then, and brought back by aws kms cancel-key-deletion: keys {ids}"
        )
    if not told.stays:
        return
    # Not a table, which would break long names: they are to be copied.
    console.print("What remains, with its cost in USD per month:")
    for each in told.stays:
        usd = "not known" if each.usd_per_month is None else f"{each.usd_per_month:,.2f}"
        console.print(f"{usd:>11}  {each.what}: {each.why}", markup=False)
    known = sum(each.usd_per_month or 0 for each in told.stays)
    more = " and more" if any(each.usd_per_month is None for each in told.stays) else ""
    console.print(f"{known:>11,.2f}  all{more}")
    console.print("List prices of us-east-1; stored data at the price of S3 Standard.")


def _clients(settings: Settings) -> Clients:
    session = boto3.Session(region_name=settings.region)

    @cache
    def client(service: str) -> Any:  # noqa: ANN401 - boto3 has no types
        return session.client(service, config=Config(retries={"mode": "adaptive", "total_max_attempts": 8}))

    return client


def _confirmed(prefix: str) -> bool:
    print(f"Type {prefix} to delete it: ", end="", flush=True)
    return sys.stdin.readline().strip() == prefix


def main(arguments: list[str] | None = None) -> int:
    """Delete an environment. Return 0 if nothing remains, 1 if something remains, 2 if it may not be deleted."""
    parser = argparse.ArgumentParser(prog="python -m operations.destroy", description=__doc__)
    parser.add_argument("environment")
    parser.add_argument("--yes", action="store_true", help="do not ask for confirmation")
    parser.add_argument(
        "--keep", action="store_true", help="delete only the stacks, and keep the resources that they retain"
    )
    parser.add_argument("--pause", type=float, default=_PAUSE, help="seconds between two status checks")
    chosen = parser.parse_args(arguments)
    console = Console(highlight=False, soft_wrap=True)
    destruction: Destruction | None = None
    try:
        settings = load(chosen.environment)
        clients = _clients(settings)
        account = str(clients("sts").get_caller_identity()["Account"])
        if settings.account and settings.account != account:
            raise DestroyError(
                f"Your credentials are of account {account}; {settings.environment} is in {settings.account}. "
                "Sign in there."
            )
        destruction = Destruction(settings, clients, keep=chosen.keep, say=console.print, pause=chosen.pause)
        if not destruction.stacks and not destruction.left and not destruction.gone:
            console.print(f"Nothing of {settings.prefix} is deployed in {settings.region} of account {account}.")
            return 0
        destruction.check()
        console.print(plan(settings, account, destruction, chosen.keep), markup=False)
        if not chosen.yes and not _confirmed(settings.prefix):
            print(f"Nothing was touched: the answer was not {settings.prefix}.", file=sys.stderr)
            return 2
        destruction.run()
    except (SettingsError, DestroyError) as error:
        if destruction:
            report(destruction.told, console)
        print(error, file=sys.stderr)
        return 1 if destruction and destruction.told.stays else 2
    except (BotoCoreError, ClientError) as error:
        if destruction:
            report(destruction.told, console)
        if destruction is None:
            print(f"AWS did not answer: {error}. Sign in with an account that has this environment.", file=sys.stderr)
            return 2
        print(f"AWS did not do it: {error}. Run this again: it goes on where it stopped.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. Run this again: it goes on where it stopped.", file=sys.stderr)
        return 130
    report(destruction.told, console)
    if destruction.told.stays and not chosen.keep:
        return 1
    console.print(f"{settings.prefix} is gone." if not chosen.keep else f"The stacks of {settings.prefix} are gone.")
    return 0


if __name__ == "__main__":
    sys.exit(told(main))
