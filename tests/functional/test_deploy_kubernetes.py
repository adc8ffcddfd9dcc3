"""What `kubectl kustomize` makes of the manifests. It needs no cluster."""

import shutil
import subprocess

import pytest
import yaml

from tests.servers.terraform import DEPLOY

pytestmark = pytest.mark.slow


def test_kustomize_builds_the_whole() -> None:
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed")
    built = subprocess.run(
        ("kubectl", "kustomize", str(DEPLOY / "kubernetes")),
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    made = {one["kind"]: one for one in yaml.safe_load_all(built.stdout)}
    assert {one["metadata"].get("namespace", "keysteward") for one in made.values()} == {"keysteward"}
    [container] = made["Deployment"]["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "registry.example.com/keysteward:0.1.0"
    config = (DEPLOY / "kubernetes" / "config.yaml").read_text()
    assert made["ConfigMap"]["data"] == {"config.yaml": config}
    volumes = made["Deployment"]["spec"]["template"]["spec"]["volumes"]
    assert made["ConfigMap"]["metadata"]["name"] in [one.get("configMap", {}).get("name") for one in volumes]
