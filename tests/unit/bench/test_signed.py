"""The signature by hand, against botocore's."""

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as SdkCredentials

from bench.signed import REGION, Credentials, query, signed

HOST = "127.0.0.1:1234"


@pytest.mark.parametrize("token", ["", "a-session-token=="])
@pytest.mark.parametrize("target", ["", "AWSOrganizationsV20161128.ListAccounts"])
def test_a_request_is_signed_as_botocore_signs_it(token: str, target: str) -> None:
    by = Credentials("AKIAHUBHUBHUBHUBHUBH", "not-a-secret", token)
    body = query("ListAccessKeys", "2010-05-08", UserName="a+b c/ü")
    head, _, sent = signed(HOST, "iam", body, by, target).partition(b"\r\n\r\n")
    headers = dict(line.split(":", 1) for line in head.decode().split("\r\n")[1:])
    assert sent == body
    assert headers.pop("authorization") == by_botocore(headers, body, by)


def by_botocore(headers: dict[str, str], body: bytes, by: Credentials) -> str:
    mine = {name: value for name, value in headers.items() if name not in ("content-length", "host")}
    request = AWSRequest("POST", f"http://{HOST}/", headers=mine, data=body)
    request.context["timestamp"] = headers["x-amz-date"]
    auth = SigV4Auth(SdkCredentials(by.key_id, by.secret, by.token), "iam", REGION)
    asked = auth.canonical_request(request)
    text = auth.string_to_sign(request, asked)
    names = auth.signed_headers(auth.headers_to_sign(request))
    scope = f"Credential={auth.scope(request)}, SignedHeaders={names}"
    return f"AWS4-HMAC-SHA256 {scope}, Signature={auth.signature(text, request)}"


def test_a_query_is_written_as_urls_want_it() -> None:
    assert query("Do", "1", Name="a b&c") == b"Action=Do&Version=1&Name=a%20b%26c"
