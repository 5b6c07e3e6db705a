"""Amazon S3 Vectors: vectors in indexes, found by similarity.

Buckets and indexes are CloudFormation records. Each call is authorized as on AWS, on the bucket or index that
it is for.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_S3_Vectors.html
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3vectors.html
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ministack import app
from ministack.core import iam_actions, iam_evaluator, router
from ministack.core.responses import AccountRegionScopedDict, get_account_id, get_region
from ministack.core.router import extract_access_key_id

from . import words
from .resources import base, knowledge, schemas

Body = dict[str, Any]
Response = tuple[int, dict[str, str], bytes]
BUCKET, INDEX = knowledge.VectorBucket(), knowledge.Index()
SERVICE = "s3vectors"
#: Vectors by the ARN of their index, then by their key.
_vectors: dict[str, dict[str, Body]] = AccountRegionScopedDict()
#: Limits: https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-vectors-limitations.html
FILTERABLE_BYTES, METADATA_BYTES, _TOP, _PAGE = 2048, 40 * 1024, 100, 1000
_FILTER_HELP = "See https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-vectors-metadata-filtering.html"


class RefusedError(ValueError):
    """The error that the service returns for an invalid call.

    :param code: the name of the error.
    :param status: its HTTP status.
    """

    def __init__(self, code: str, status: int, message: str) -> None:
        super().__init__(message)
        self.code, self.status = code, status


def install() -> None:
    """Serve the operations, and authorize their calls."""
    by_name = iam_actions.extract_iam_action
    iam_actions.extract_iam_action = lambda service, *args: None if service == SERVICE else by_name(service, *args)
    router.SERVICE_PATTERNS[SERVICE] = {
        "target_prefixes": [],
        "host_patterns": [r"s3vectors\."],
        "credential_scope": SERVICE,
    }
    app.SERVICE_HANDLERS[SERVICE] = _handle


async def _handle(method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]) -> Response:
    operation = path.strip("/")
    try:
        answered = _OPERATIONS.get(operation)
        if answered is None or method != "POST":
            raise _invalid(f"{operation} is not implemented in the local account")
        request = json.loads(body or b"{}")
        denied = _denied(operation, request, headers, query)
        return denied or (200, {"Content-Type": "application/json"}, json.dumps(answered(request)).encode())
    except RefusedError as error:
        return _error(error.code, error.status, str(error))
    except base.ServiceError as error:
        taken = "already exists" in str(error)
        return _error("ConflictException", 409, str(error)) if taken else _error("ValidationException", 400, str(error))


def _error(code: str, status: int, message: str) -> Response:
    kind = {"Content-Type": "application/json", "x-amzn-errortype": code}
    return status, kind, json.dumps({"message": message}).encode()


def _invalid(message: str) -> RefusedError:
    return RefusedError("ValidationException", 400, message)


def _denied(operation: str, request: Body, headers: dict[str, str], query: dict[str, Any]) -> Response | None:
    key, place = extract_access_key_id(headers, query), _subject(operation, request)
    needed = [operation]
    # Calls that return or filter metadata also require permission to read vectors.
    if operation == "QueryVectors" and (request.get("returnMetadata") or request.get("filter")):
        needed.append("GetVectors")
    if operation == "ListVectors" and (request.get("returnMetadata") or request.get("returnData")):
        needed.append("GetVectors")
    for each in needed:
        action = f"{SERVICE}:{each}"
        refused = iam_evaluator.enforce(key, action, SERVICE, get_region(), resource_arn=place)
        if isinstance(refused, iam_evaluator.AuthError):
            return _error(refused.code, 403, refused.message)
        if refused is not None:
            return iam_actions.access_denied_response(  # type: ignore[no-any-return]
                SERVICE,
                action,
                refused.principal_arn,
                str(uuid.uuid4()),
                headers=headers,
                resource_arn=place,
                explicit_deny=refused.decision == "Deny",
            )
    return None


def _subject(operation: str, request: Body) -> str:
    if operation == "ListVectorBuckets":
        return "*"
    bucket = request.get("vectorBucketArn") or (
        f"arn:aws:s3vectors:{get_region()}:{get_account_id()}:bucket/{request.get('vectorBucketName', '')}"
    )
    if operation.endswith(("Bucket", "Indexes")):
        return str(bucket)
    return str(request.get("indexArn") or f"{bucket}/index/{request.get('indexName', '')}")


# Buckets and indexes.


def _bucket_of(request: Body) -> Body:
    found = base.find(BUCKET.type, _subject("GetVectorBucket", request))
    if found is None:
        raise RefusedError("NotFoundException", 404, "The specified vector bucket could not be found")
    return found


def _index_of(request: Body) -> Body:
    if "indexArn" not in request:
        _bucket_of(request)
    found = base.find(INDEX.type, _subject("GetIndex", request))
    if found is None:
        raise RefusedError("NotFoundException", 404, "The specified index could not be found")
    return found


def _lowered(value: Any) -> Any:
    """A CloudFormation model with the member names of the API."""
    if isinstance(value, dict):
        return {f"{name[:1].lower()}{name[1:]}": _lowered(each) for name, each in value.items()}
    return value


def _raised(value: Any) -> Any:
    if isinstance(value, dict):
        return {f"{name[:1].upper()}{name[1:]}": _raised(each) for name, each in value.items()}
    return value


def _shown(model: Body, *names: str) -> Body:
    """Members of a record, with the creation time as the API returns it."""
    kept = {f"{name[:1].lower()}{name[1:]}": _lowered(model[name]) for name in names if name in model}
    return {**kept, "creationTime": _seconds(str(model.get("CreationTime", "")))}


def _seconds(moment: str) -> float:
    from datetime import datetime

    try:
        return datetime.fromisoformat(moment).timestamp()
    except ValueError:
        return 0.0


def _bucket_summary(model: Body) -> Body:
    return _shown(model, "VectorBucketName", "VectorBucketArn")


def _index_summary(model: Body) -> Body:
    return {"vectorBucketName": _bucket_name(model), **_shown(model, "IndexName", "IndexArn")}


def _bucket_name(index: Body) -> str:
    return str(index["IndexArn"]).partition("/")[2].partition("/")[0]


def _paged(found: Iterable[Body], request: Body, name: str, most: int) -> Body:
    """One page of a list. A token is the start of the next page."""
    listed = list(found)
    start, size = int(request.get("nextToken") or 0), min(int(request.get("maxResults") or most), most)
    page: Body = {name: listed[start : start + size]}
    return {**page, "nextToken": str(start + size)} if start + size < len(listed) else page


def _list_buckets(request: Body) -> Body:
    beginning = request.get("prefix", "")
    found = sorted(base.instances(BUCKET.type), key=lambda each: str(each["VectorBucketName"]))
    kept = (_bucket_summary(each) for each in found if each["VectorBucketName"].startswith(beginning))
    return _paged(kept, request, "vectorBuckets", 500)


def _get_bucket(request: Body) -> Body:
    model = _bucket_of(request)
    encryption = _lowered(model.get("EncryptionConfiguration")) or {"sseType": "AES256"}
    return {"vectorBucket": {**_bucket_summary(model), "encryptionConfiguration": encryption}}


def _create_bucket(request: Body) -> Body:
    model = {"VectorBucketName": request["vectorBucketName"]}
    if "encryptionConfiguration" in request:
        model["EncryptionConfiguration"] = _raised(request["encryptionConfiguration"])
    _check(BUCKET.type, model)
    return {"vectorBucketArn": BUCKET.on_create("Bucket", model, "none")[0]}


def _delete_bucket(request: Body) -> Body:
    arn = _bucket_of(request)["VectorBucketArn"]
    if any(each["VectorBucketArn"] == arn for each in base.instances(INDEX.type)):
        raise RefusedError("ConflictException", 409, "The specified vector bucket is not empty")
    BUCKET.on_delete(arn, {})
    return {}


def _check(resource_type: str, model: Body) -> None:
    try:
        schemas.check(resource_type, model)
    except ValueError as error:
        raise _invalid(str(error)) from error


def _list_indexes(request: Body) -> Body:
    bucket, beginning = _bucket_of(request)["VectorBucketArn"], request.get("prefix", "")
    found = sorted(base.instances(INDEX.type), key=lambda each: str(each["IndexName"]))
    kept = (each for each in found if each["VectorBucketArn"] == bucket and each["IndexName"].startswith(beginning))
    return _paged((_index_summary(each) for each in kept), request, "indexes", 500)


def _get_index(request: Body) -> Body:
    model = _index_of(request)
    more = ("DataType", "Dimension", "DistanceMetric", "MetadataConfiguration", "EncryptionConfiguration")
    described = {**_shown(model, *more), **_index_summary(model)}
    return {"index": {**described, "dimension": int(described["dimension"])}}


def _create_index(request: Body) -> Body:
    model = {
        "VectorBucketArn": _bucket_of(request)["VectorBucketArn"],
        **{_raise(name): request[name] for name in ("indexName", "dataType", "dimension", "distanceMetric")},
    }
    if "metadataConfiguration" in request:
        keys = request["metadataConfiguration"].get("nonFilterableMetadataKeys", [])
        model["MetadataConfiguration"] = {"NonFilterableMetadataKeys": keys}
    _check(INDEX.type, model)
    return {"indexArn": INDEX.on_create("Index", model, "none")[0]}


def _raise(name: str) -> str:
    return f"{name[:1].upper()}{name[1:]}"


def _delete_index(request: Body) -> Body:
    arn = _index_of(request)["IndexArn"]
    INDEX.on_delete(arn, {})
    forget(arn)
    return {}


# Vectors.


def forget(index: str) -> None:
    """Delete the content of an index."""
    _vectors.pop(index, None)


def found(index: str) -> Body | None:
    """The record of an index, by its ARN."""
    return base.find(INDEX.type, index)


def put(index: str, vectors: Iterable[Body]) -> None:
    """Store vectors in an index, each with ``key``, ``data`` and ``metadata``.

    :raises RefusedError: if one has another dimension than the index, or too much metadata. Then none is stored.
    """
    model = base.find(INDEX.type, index)
    if model is None:
        raise RefusedError("NotFoundException", 404, "The specified index could not be found")
    wanted = list(vectors)
    hidden = _hidden(model)
    for each in wanted:
        _check_vector(each.get("key", ""), each["data"].get("float32", []), model)
        metadata = each.get("metadata") or {}
        filterable = {name: value for name, value in metadata.items() if name not in hidden}
        if len(json.dumps(filterable, ensure_ascii=False).encode()) > FILTERABLE_BYTES:
            told = f"Filterable metadata must have at most {FILTERABLE_BYTES} bytes"
            raise _invalid(f"Invalid record for key '{each['key']}': {told}")
        if len(json.dumps(metadata, ensure_ascii=False).encode()) > METADATA_BYTES:
            raise _invalid(f"Invalid record for key '{each['key']}': Metadata must have at most {METADATA_BYTES} bytes")
    held = _vectors.setdefault(index, {})
    held.update({each["key"]: each for each in wanted})


def remove(index: str, keys: Iterable[str]) -> None:
    """Delete vectors of an index. Missing keys are not an error."""
    held = _vectors.get(index) or {}
    for key in keys:
        held.pop(key, None)


def _hidden(model: Body) -> list[str]:
    """Metadata keys that are not filterable."""
    return list((model.get("MetadataConfiguration") or {}).get("NonFilterableMetadataKeys") or [])


def _check_vector(key: str, numbers: Any, model: Body) -> None:
    if len(numbers) != int(model["Dimension"]):
        about = f"Invalid record for key '{key}'" if key else "Invalid query vector"
        raise _invalid(f"{about}: vector must have length {int(model['Dimension'])}, but has length {len(numbers)}")
    if model["DistanceMetric"] == "cosine" and not any(numbers):
        raise _invalid("Cosine distance is not defined for a vector whose numbers are all 0")


def _put(request: Body) -> Body:
    index = _index_of(request)
    if not 1 <= len(request["vectors"]) <= 500:
        raise _invalid("1 to 500 vectors are put at once")
    put(index["IndexArn"], request["vectors"])
    return {}


def _told(vector: Body, request: Body) -> Body:
    told = {"key": vector["key"]}
    if request.get("returnData"):
        told["data"] = vector["data"]
    if request.get("returnMetadata"):
        told["metadata"] = vector.get("metadata") or {}
    return told


def _get(request: Body) -> Body:
    held = _vectors.get(_index_of(request)["IndexArn"]) or {}
    return {"vectors": [_told(held[key], request) for key in request["keys"] if key in held]}


def _list(request: Body) -> Body:
    held = _vectors.get(_index_of(request)["IndexArn"]) or {}
    count, own = int(request.get("segmentCount") or 1), int(request.get("segmentIndex") or 0)
    found = [vector for place, vector in enumerate(held.values()) if place % count == own]
    return _paged((_told(each, request) for each in found), request, "vectors", _PAGE)


def _delete(request: Body) -> Body:
    remove(_index_of(request)["IndexArn"], request["keys"])
    return {}


def _query(request: Body) -> Body:
    np = words.numpy()
    index = _index_of(request)
    asked = (request.get("queryVector") or {}).get("float32")
    if asked is None:
        raise _invalid("Only queries by a vector are served in the local account")
    _check_vector("", asked, index)
    if not 1 <= int(request["topK"]) <= _TOP:
        raise _invalid(f"topK must be between 1 and {_TOP}")
    wanted, hidden = request.get("filter"), _hidden(index)
    held = [
        each
        for each in (_vectors.get(index["IndexArn"]) or {}).values()
        if wanted is None or matches(wanted, each.get("metadata") or {}, hidden)
    ]
    shown: Body = {"vectors": [], "distanceMetric": index["DistanceMetric"]}
    if not held:
        return shown
    rows, own = np.array([each["data"]["float32"] for each in held]), np.array(asked)
    if index["DistanceMetric"] == "cosine":
        apart = 1 - words.unit(rows) @ words.unit(own)
    else:
        apart = np.linalg.norm(rows - own, axis=1) ** 2
    for place in np.argsort(apart, kind="stable")[: int(request["topK"])]:
        distance = {"distance": max(0.0, float(apart[place]))} if request.get("returnDistance") else {}
        shown["vectors"].append({**_told(held[place], {**request, "returnData": False}), **distance})
    return shown


def matches(wanted: Any, metadata: Mapping[str, Any], hidden: Iterable[str] = ()) -> bool:
    """Whether metadata match a filter of QueryVectors.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-vectors-metadata-filtering.html

    :param hidden: keys that are not filterable.
    :raises RefusedError: if the filter is not valid.
    """
    if not isinstance(wanted, dict) or not wanted:
        raise _invalid(f"Invalid query filter. {_FILTER_HELP}")
    found = []
    for name, value in wanted.items():
        if name in ("$and", "$or"):
            if not isinstance(value, list) or not value:
                raise _invalid(f"Invalid query filter: {name} needs a list of filters. {_FILTER_HELP}")
            parts = [matches(each, metadata, hidden) for each in value]
            found.append(all(parts) if name == "$and" else any(parts))
            continue
        if name.startswith("$") or name in hidden:
            raise _invalid(f"Invalid query filter: {name} cannot be filtered by. {_FILTER_HELP}")
        rules = value if isinstance(value, dict) else {"$eq": value}
        found += [_compared(rule, metadata, name, limit) for rule, limit in rules.items()]
    return all(found)


def _compared(rule: str, metadata: Mapping[str, Any], name: str, limit: Any) -> bool:
    here, value = name in metadata, metadata.get(name)
    members = value if isinstance(value, list) else [value]
    number = isinstance(value, int | float) and not isinstance(value, bool)
    match rule:
        case "$exists":
            return here is bool(limit)
        case "$eq":
            return here and limit in members
        case "$ne":
            return not here or limit not in members
        case "$in" if isinstance(limit, list) and limit:
            return here and any(each in limit for each in members)
        case "$nin" if isinstance(limit, list) and limit:
            return not here or all(each not in limit for each in members)
        case "$gt" | "$gte" | "$lt" | "$lte" if isinstance(limit, int | float) and not isinstance(limit, bool):
            return here and number and _ORDERS[rule](value, limit)
        case _:
            raise _invalid(f"Invalid query filter: {name} {rule} {json.dumps(limit)}. {_FILTER_HELP}")


_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "$gt": lambda value, limit: bool(value > limit),
    "$gte": lambda value, limit: bool(value >= limit),
    "$lt": lambda value, limit: bool(value < limit),
    "$lte": lambda value, limit: bool(value <= limit),
}

_OPERATIONS: dict[str, Callable[[Body], Body]] = {
    "CreateIndex": _create_index,
    "CreateVectorBucket": _create_bucket,
    "DeleteIndex": _delete_index,
    "DeleteVectorBucket": _delete_bucket,
    "DeleteVectors": _delete,
    "GetIndex": _get_index,
    "GetVectorBucket": _get_bucket,
    "GetVectors": _get,
    "ListIndexes": _list_indexes,
    "ListVectorBuckets": _list_buckets,
    "ListVectors": _list,
    "PutVectors": _put,
    "QueryVectors": _query,
}
