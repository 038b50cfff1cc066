"""`python -m asgilive probe`: what it prints, what it writes, and how it ends."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from asgilive.__main__ import main

COMMAND = "{python} -m uvicorn {app} --port {port} --host 127.0.0.1"


def test_a_run_of_its_own(tmp_path: Path) -> None:
    """From another folder, as a server's author would run it in continuous integration."""
    words = [sys.executable, "-m", "asgilive", "probe", "--server", COMMAND, "--rows", "H01 H49"]
    done = subprocess.run(
        [*words, "--json", "found.json"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1, done
    assert re.search(r"H49 \S+ +fail +a message behind the end raises RuntimeError", done.stdout)
    found = json.loads((tmp_path / "found.json").read_text("utf-8"))
    assert found["server"] == "uvicorn"
    assert [result["verdict"] for result in found["results"]] == ["pass", "fail"]


def test_every_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = {kind: tmp_path / f"found.{kind}" for kind in ("json", "junit", "html")}
    words = ["probe", "--server", "uvicorn", "--rows", "H01 C18 H07 H16 H49 W38"]
    status = main([*words, *(w for kind, file in files.items() for w in (f"--{kind}", str(file)))])
    assert status == 1
    told = "uvicorn: 2 pass, 1 fail, 1 differs, 1 not-applicable, 1 undecided"
    assert told in capsys.readouterr().out

    data = json.loads(files["json"].read_text("utf-8"))
    assert set(data) == {"server", "versions", "results"}
    assert set(data["versions"]) == {"uvicorn", "h11"}
    verdicts = {result["id"]: result["verdict"] for result in data["results"]}
    assert verdicts == {
        "H01": "pass",
        "H07": "pass",
        "C18": "differs",
        "H16": "not-applicable",
        "H49": "fail",
        "W38": "undecided",
    }
    evidence = {result["id"]: result["evidence"] for result in data["results"]}
    assert evidence["H01"]["scenario"] == "request"
    assert any("POST /request/" in line for line in evidence["H01"]["lines"])

    [suite] = ElementTree.fromstring(files["junit"].read_text("utf-8"))
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("6", "1", "2")
    cases = {(case.get("name") or "")[:3]: [child.tag for child in case] for case in suite}
    assert cases["H49"] == ["failure"]
    assert cases["H16"] == cases["W38"] == ["skipped"]
    assert cases["C18"] == ["system-out"]
    assert cases["H01"] == []

    page = files["html"].read_text("utf-8")
    anchors = set(re.findall(r'href="#([^"]+)"', page))
    assert anchors
    assert anchors <= set(re.findall(r'id="([^"]+)"', page))
    assert "<script" not in page
    assert "a message behind the end raises RuntimeError" in page


def test_several_servers_and_a_good_end(tmp_path: Path) -> None:
    file = tmp_path / "found.json"
    words = ["probe", "--server", "uvicorn", "--server", "hypercorn", "--rows", "H01"]
    assert main([*words, "--json", str(file)]) == 0
    assert [one["server"] for one in json.loads(file.read_text("utf-8"))] == [
        "uvicorn",
        "hypercorn",
    ]


def test_a_server_with_tls_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "found.json"
    tls = COMMAND + " --ssl-certfile {cert} --ssl-keyfile {key}"
    words = ["probe", "--server", COMMAND, "--tls-server", tls, "--name", "mine", "--rows", "T12"]
    assert main([*words, "--json", str(file)]) == 0
    [result] = json.loads(file.read_text("utf-8"))["results"]
    assert result["verdict"] == "pass"


def test_a_server_that_is_not_known(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["probe", "--server", "unicorn"]) == 2
    assert "no server is called 'unicorn'" in capsys.readouterr().err
