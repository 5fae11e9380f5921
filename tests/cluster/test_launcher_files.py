"""Cluster-launcher files: what Ray's schema and validation accept, and what we promise of them."""

import json
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import ray
import yaml

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "cluster").glob("*.yaml"))
COMMANDS = (
    "initialization_commands",
    "setup_commands",
    "head_setup_commands",
    "worker_setup_commands",
    "head_start_ray_commands",
    "worker_start_ray_commands",
)


def config(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text())


def commands(path: Path) -> list[str]:
    return [command for key in COMMANDS for command in config(path).get(key, [])]


def test_the_three_files_are_there() -> None:
    assert [path.name for path in FILES] == ["aws.yaml", "gcp.yaml", "onprem.yaml"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
class TestEachFile:
    def test_ray_accepts_it(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        from ray.autoscaler._private.util import prepare_config, validate_config

        monkeypatch.chdir(ROOT)
        schema = json.loads((Path(ray.__file__).parent / "autoscaler/ray-schema.json").read_text())
        jsonschema.validate(config(path), schema)
        validate_config(prepare_config(config(path)))

    def test_the_schema_would_refuse_a_fault(self, path: Path) -> None:
        schema = json.loads((Path(ray.__file__).parent / "autoscaler/ray-schema.json").read_text())
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**config(path), "idle_timeout": 5}, schema)

    def test_commands_are_shell(self, path: Path) -> None:
        for command in commands(path):
            subprocess.run(["bash", "-n", "-c", command], check=True)

    def test_ray_runs_with_a_token_that_is_in_no_file(self, path: Path) -> None:
        assert config(path)["file_mounts"]["~/.ray/auth_token"] == "~/.ray/auth_token"
        assert "chmod 600 ~/.ray/auth_token" in commands(path)
        started = [command for command in commands(path) if "ray start" in command]
        assert len(started) == 2 and all("RAY_AUTH_MODE=token" in command for command in started)
        assert not re.search(r"[0-9a-f]{32}|AKIA|BEGIN [A-Z ]*PRIVATE", path.read_text())

    def test_it_carries_what_an_installation_needs_and_no_more(self, path: Path) -> None:
        mounts = config(path)["file_mounts"]
        carried = {source for target, source in mounts.items() if target == f"~/vlstudy/{source}"}
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        needed = {"pyproject.toml", "constraints.txt", "vlstudy", project["readme"], *project["license-files"]}
        assert carried == needed | {"studies"} and all((ROOT / source).exists() for source in carried)
        assert mounts.keys() == {f"~/vlstudy/{source}" for source in carried} | {"~/.ray/auth_token"}

    def test_it_installs_what_was_tested(self, path: Path) -> None:
        installs = [command for command in commands(path) if "-e ~/vlstudy" in command]
        assert installs and all("-c ~/vlstudy/constraints.txt" in command for command in installs)

    def test_idle_workers_go_and_studies_are_shared(self, path: Path) -> None:
        assert config(path)["idle_timeout_minutes"] > 0
        assert any("/shared" in command for command in config(path)["initialization_commands"])

    def test_three_lines_are_to_be_changed(self, path: Path) -> None:
        assert sum("# CHANGE" in line for line in path.read_text().splitlines()) == 3

    def test_it_opens_no_port_and_the_dashboard_is_local(self, path: Path) -> None:
        # Ray's own rules are ssh from outside and everything inside; EC2 refuses a rule that is named twice
        assert "IpPermissions" not in path.read_text()
        assert any("--dashboard-host=127.0.0.1" in command for command in config(path)["head_start_ray_commands"])


@pytest.mark.parametrize("name", ["aws", "gcp"])
def test_cloud_workers_are_spot_and_the_head_is_not(name: str) -> None:
    types = config(ROOT / f"cluster/{name}.yaml")["available_node_types"]
    spot = "MarketType': 'spot" if name == "aws" else "'SPOT'"
    assert spot in str(types["worker"]["node_config"])
    assert spot not in str(types["head"]["node_config"])
    assert types["head"]["resources"]["CPU"] == 0
