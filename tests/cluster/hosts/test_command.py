"""What is said of experiments on hosts before any of them is touched, and of hosts that do not answer."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.control.keys import generate, private_text, public_text
from harness.errors import BadInput
from harness.experiment import build
from tests.command import command

pytestmark = pytest.mark.usefixtures("in_a_folder_of_its_own")
HERE = ["--cluster", "ssh", "--inventory", "hosts.toml"]


def write(text: str = "", count: int = 3) -> None:
    """An inventory of hosts on which nobody listens; `text`: what stands before them."""
    Path("id").write_text(private_text(generate()))
    host_key = public_text(generate())
    hosts = [
        f'[[host]]\nname = "h{number}"\naddress = "127.0.0.{number}"\nport = 1\nhost-key = "{host_key}"\n'
        for number in range(1, count + 1)
    ]
    Path("hosts.toml").write_text("\n".join(['key = "id"', text, *hosts]))


def test_nodes_are_the_hosts_or_the_first_of_them() -> None:
    write()
    for options, names in (({}, ["h1", "h2", "h3"]), ({"nodes": 2}, ["h1", "h2"])):
        experiment = build({"cluster": "ssh", "inventory": "hosts.toml", "nemesis": "all"}, options)
        assert experiment.node_names == names
        assert {"clock", "kill", "membership", "partition", "pause"} <= set(experiment.nemesis)


def test_without_root_all_is_all_but_partitions_and_packets() -> None:
    write('user = "ann"')
    options = {"cluster": "ssh", "inventory": "hosts.toml", "nemesis": "all"}
    without = set(build(options).nemesis)
    write('user = "ann"\nbecome = "sudo"')
    assert set(build(options).nemesis) - without == {"partition", "packets"}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--cluster", "ssh"], "--cluster ssh takes its hosts from an inventory: give --inventory hosts.toml"),
        (["--inventory", "hosts.toml", "--cluster", "docker"], "--inventory names hosts: give --cluster ssh too."),
        ([*HERE, "--nodes", "4"], "4 nodes take as many hosts: the inventory hosts.toml has 3."),
        ([*HERE, "--image", "x"], "--image says something about containers: --cluster ssh has none."),
        ([*HERE, "--nemesis", "power"], "--cluster ssh cannot do power faults"),
        (
            ["--cluster", "ssh", "--inventory", "nowhere.toml"],
            "The inventory nowhere.toml cannot be read: No such file",
        ),
        (
            [*HERE, "--schedule", "s.toml"],
            r"at \[\[fault\]\] 1 \(line 1\): there is no node 'n1': there are h1, h2, h3\.",
        ),
        (HERE, r"Node h\d could not be controlled: the SSH connection broke \(.*refused\)\."),
    ],
)
def test_bad_input(arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    write()
    Path("s.toml").write_text('[[fault]]\nkind = "kill"\nat = 1\nfor = 2\nnodes = ["n1"]\n')
    assert command("run", *arguments, "--name", "x") == 3
    said = capsys.readouterr().err.strip().splitlines()
    assert re.search(sentence, said[-1])
    assert not list(Path(".").glob("results/runs/*/history.jsonl"))


@pytest.mark.parametrize("kind", ["partition", "packets"])
def test_packet_filters_take_root(kind: str) -> None:
    write('user = "ann"')
    sentence = f"--cluster ssh cannot do {kind} faults: packet filters take root, and h1 is given neither the user root"
    with pytest.raises(BadInput, match=sentence):
        build({"cluster": "ssh", "inventory": "hosts.toml", "nemesis": kind})


def test_keys_come_from_an_agent_or_from_the_inventory(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write()
    path = Path("hosts.toml")
    path.write_text(path.read_text().replace('key = "id"\n', ""))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    assert command("run", *HERE, "--name", "x") == 3
    assert (
        "Host h1 names no 'key' in the inventory, and there is no SSH agent that holds one" in capsys.readouterr().err
    )


def test_clean_goes_to_every_host(capsys: pytest.CaptureFixture[str]) -> None:
    write()
    assert command("clean", "--inventory", "hosts.toml") == 3
    said = capsys.readouterr().err
    assert re.findall(r"Node (h\d) could not be controlled", said) == ["h1", "h2", "h3"]
