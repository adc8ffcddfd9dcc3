"""Lines for the AWS CLI, held against the service models that the CLI itself is made of."""

from collections.abc import Mapping
from functools import cache

import botocore.session
from botocore import xform_name
from botocore.exceptions import UnknownServiceError
from botocore.model import ServiceModel

from tests.docs.wrong import Wrong

# https://docs.aws.amazon.com/cli/latest/reference/ : commands that are no operation of the service.
CUSTOM: Mapping[str, frozenset[str]] = {
    "cloudformation": frozenset({"deploy", "package", "wait"}),
    "configure": frozenset({"export-credentials", "list", "sso", "get", "set"}),
    "ecs": frozenset({"deploy", "wait"}),
    "eks": frozenset({"update-kubeconfig"}),
    "logs": frozenset({"tail"}),
    "s3": frozenset({"cp", "ls", "sync", "mb", "rm"}),
    "sso": frozenset({"login"}),
    "rds": frozenset({"wait"}),
    "dynamodb": frozenset({"wait"}),
}
_SERVICES = {"s3api": "s3"}
_GLOBAL = frozenset(
    f"--{name}"
    for name in (
        *("region", "profile", "query", "output", "endpoint-url", "cli-input-json", "cli-binary-format"),
        *("no-cli-pager", "no-paginate", "max-items", "page-size", "starting-token"),
    )
)


def aws(args: tuple[str, ...]) -> None:
    """The service, the operation and each option exist."""
    service, operation, *rest = [*args, "", ""]
    if operation in CUSTOM.get(service, ()):
        return
    model = _model(_SERVICES.get(service, service))
    names = {xform_name(name, "-"): name for name in model.operation_names}
    if operation not in names:
        raise Wrong(f"aws {service} has no {operation!r}")
    shape = model.operation_model(names[operation]).input_shape
    known = {f"--{xform_name(name, '-')}" for name in (shape.members if shape else ())}
    for word in rest:
        option = word.partition("=")[0]
        plain = f"--{option.removeprefix('--no-')}"  # a switch may be negated
        if option.startswith("--") and not {option, plain} & (known | _GLOBAL):
            raise Wrong(f"aws {service} {operation} has no {option}")


@cache
def _model(service: str) -> ServiceModel:
    try:
        return botocore.session.get_session().get_service_model(service)
    except UnknownServiceError:
        raise Wrong(f"aws has no service {service!r}") from None
