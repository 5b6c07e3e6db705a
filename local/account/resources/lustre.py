"""FSx for Lustre as records: nothing can be mounted, but invalid references fail."""

from __future__ import annotations

from ministack.services import ec2, s3

from .base import Model, Resource, ServiceError


class FileSystem(Resource):
    """https://docs.aws.amazon.com/fsx/latest/APIReference/API_CreateFileSystem.html"""

    type = "AWS::FSx::FileSystem"
    attributes = {
        "Id": "fs-{token}",
        "ResourceARN": "arn:aws:fsx:{region}:{account}:file-system/fs-{token}",
        "DNSName": "fs-{token}.fsx.{region}.amazonaws.com",
        "LustreMountName": "m{token:.7}",
        "RootVolumeId": "fsvol-{token}",
    }

    def create(self, model: Model) -> Model:
        for subnet in model["SubnetIds"]:
            if subnet not in ec2._subnets:
                raise ServiceError(f"The subnet ID '{subnet}' does not exist (Service: FSx)")
        lustre = model.get("LustreConfiguration", {})
        size = int(model.get("StorageCapacity", 0))
        if lustre.get("DeploymentType") == "PERSISTENT_2" and size != 1200 and size % 2400:
            raise ServiceError(f"Invalid storage capacity {size}: 1200 GiB or a multiple of 2400 GiB (Service: FSx)")
        return super().create(model)


class DataRepositoryAssociation(Resource):
    """https://docs.aws.amazon.com/fsx/latest/APIReference/API_CreateDataRepositoryAssociation.html"""

    type = "AWS::FSx::DataRepositoryAssociation"
    attributes = {
        "AssociationId": "dra-{token}",
        "ResourceARN": "arn:aws:fsx:{region}:{account}:association/{FileSystemId}/dra-{token}",
    }
    needs = {"FileSystemId": FileSystem.type}

    def create(self, model: Model) -> Model:
        bucket = model["DataRepositoryPath"].removeprefix("s3://").split("/")[0]
        if bucket not in s3._buckets:
            raise ServiceError(f"The bucket {bucket} does not exist (Service: FSx)")
        return super().create(model)
