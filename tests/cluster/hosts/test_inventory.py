"""What an inventory says, and what is said where it cannot work: one sentence, with the place."""

from __future__ import annotations

import re
from pathlib import Path

import paramiko
import pytest

from harness.cluster.hosts.inventory import Inventory, read_inventory
from harness.control.keys import generate, private_text, public_text
from harness.errors import BadInput

DOCUMENTATION = Path(__file__).parents[3] / "docs" / "places.md"
HOST_KEY = generate()
CLIENT_KEY = generate()
PINNED = f'host-key = "{public_text(HOST_KEY)}"\n'
N1 = '[[host]]\nname = "n1"\naddress = "10.0.0.1"\n'
N2 = '[[host]]\nname = "n2"\naddress = "10.0.0.2"\n'


def read(folder: Path, text: str) -> Inventory:
    path = folder / "hosts.toml"
    path.write_text(text)
    return read_inventory(str(path))


def test_defaults(tmp_path: Path) -> None:
    [host] = read(tmp_path, N1 + PINNED).hosts
    assert (host.user, host.port, host.become, host.as_root) == ("root", 22, "none", True)
    assert (host.peer_address, host.peer_port) == ("10.0.0.1", 7000)
    assert (host.client_host, host.client_reached_port, host.client_port) == ("10.0.0.1", 8000, 8000)
    assert (host.host_keys, host.client_key, host.folder) == ((HOST_KEY,), None, None)


def test_what_stands_before_the_hosts_holds_for_all_and_a_host_may_differ(tmp_path: Path) -> None:
    (tmp_path / "id").write_text(private_text(CLIENT_KEY))
    shared = 'user = "raft"\nkey = "id"\nbecome = "sudo"\nport = 2222\nknown-hosts = "known"\nfolder = "/srv/storm"\n'
    (tmp_path / "known").write_text(f"[10.0.0.1]:2222 {public_text(HOST_KEY)}\n10.0.0.2 {public_text(HOST_KEY)}\n")
    own = 'user = "ann"\nbecome = "none"\nport = 22\npeer-address = "192.168.0.2"\nclient-address = "127.0.0.1:49153"\n'
    inventory = read(tmp_path, shared + N1 + N2 + own)
    first, second = inventory.hosts
    assert inventory.names == ("n1", "n2")
    assert not inventory.as_root
    assert (first.user, first.as_root, first.port, first.folder) == ("raft", True, 2222, "/srv/storm")
    assert first.client_key == CLIENT_KEY
    assert first.key_path == str(tmp_path / "id")
    assert (second.user, second.as_root, second.port) == ("ann", False, 22)
    assert (second.peer_address, second.client_host, second.client_reached_port) == ("192.168.0.2", "127.0.0.1", 49153)
    assert inventory.first(1).as_root


@pytest.mark.parametrize(
    ("address", "reached"),
    [
        ("storm.example.org", ("storm.example.org", 8000)),
        ("storm.example.org:81", ("storm.example.org", 81)),
        ("[fd00::1]:81", ("fd00::1", 81)),
        ("[fd00::1]", ("fd00::1", 8000)),
        ("fd00::1", ("fd00::1", 8000)),
    ],
)
def test_client_addresses(tmp_path: Path, address: str, reached: tuple[str, int]) -> None:
    [host] = read(tmp_path, f'{N1}{PINNED}client-address = "{address}"').hosts
    assert (host.client_host, host.client_reached_port) == reached


@pytest.mark.parametrize(
    ("line", "known"),
    [
        ("10.0.0.1 KEY", True),
        ("n1,10.0.0.1 KEY a comment", True),
        ("10.0.0.* KEY", True),
        ("*,!10.0.0.1 KEY", False),
        ("10.0.0.2 KEY", False),
        ("[10.0.0.1]:2222 KEY", False),
        ("HASHED KEY", True),
        ("|1|bad|hash KEY", False),
        ("10.0.0.1 KEY\n@revoked * KEY", False),
        ("@cert-authority * KEY", False),
        ("# 10.0.0.1 KEY", False),
        ("10.0.0.1 ssh-nonsense AAAA\n10.0.0.1 KEY", True),
    ],
)
def test_known_hosts_as_openssh_reads_them(tmp_path: Path, line: str, known: bool) -> None:
    line = line.replace("HASHED", paramiko.HostKeys.hash_host("10.0.0.1")).replace("KEY", public_text(HOST_KEY))
    (tmp_path / "known").write_text(line)
    text = f'known-hosts = "known"\n{N1}'
    if known:
        assert read(tmp_path, text).hosts[0].host_keys == (HOST_KEY,)
    else:
        with pytest.raises(
            BadInput, match=r"\[\[host\]\] 1 \(line 2\): there is no host key of 10\.0\.0\.1 port 22 in"
        ):
            read(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("host = = 1", "is not TOML: "),
        ("", "names no hosts: it takes a [[host]] table"),
        ('[host]\nname = "n1"', "write [[host]], with two brackets, above each host."),
        (f'usr = "ann"\n{N1}', "has no 'usr': did you mean 'user'?"),
        (f"{N1}{PINNED}adress = 1", "at [[host]] 1 (line 1): a host has no 'adress': did you mean 'address'?"),
        (f'{N1}{PINNED}{N2}{PINNED}port = "22"', "at [[host]] 2 (line 5): 'port' wants int, and was given str."),
        ('[[host]]\nname = "n1"', "at [[host]] 1 (line 1): it has no 'address'."),
        ('[[host]]\naddress = "10.0.0.1"', "it has no 'name'."),
        ('[[host]]\nname = "a b"\naddress = "x"', "'name' takes letters, digits, '.', '_' and '-', not 'a b'."),
        ('[[host]]\nname = "n1"\naddress = "-oProxyCommand"', "'address' takes a host's name or its IP address"),
        (f"{N1}{PINNED}peer-port = 65536", "'peer-port' takes 1 to 65535, not 65536."),
        (f"{N1}{PINNED}peer-port = 8000", "'client-port' and 'peer-port' are both 8000"),
        (f'{N1}{PINNED}become = "su"', "'become' takes 'sudo' or 'none', not 'su'."),
        (f'{N1}{PINNED}user = ""', "'user' takes a user's name, not ''."),
        (f'{N1}{PINNED}folder = "/a b"', "'folder' takes an absolute path"),
        (f'{N1}{PINNED}folder = "~"', "'folder' takes an absolute path"),
        (f'{N1}{PINNED}client-address = "x:y"', "'client-address' takes a host, or a host and a port"),
        (f'{N1}{PINNED}known-hosts = "x"', "it takes either 'host-key' or 'known-hosts'."),
        (f'{N1}host-key = "ssh-ed25519 AAAA"', "'host-key' takes a line like 'ssh-ed25519 AAAA...'"),
        (f'{N1}known-hosts = "nowhere"', "nowhere cannot be read: No such file or directory."),
        (f'{N1}{PINNED}key = "nowhere"', "nowhere cannot be read: No such file or directory."),
        (f'{N1}{PINNED}key = "hosts.toml"', "hosts.toml is no private key that SSH knows."),
        (f"{N1}{PINNED}{N1}{PINNED}", "at [[host]] 2 (line 5): it has the same name as [[host]] 1 (line 1), n1."),
        (
            f'{N1}{PINNED}{N2}{PINNED}peer-address = "10.0.0.1"',
            "it has the same address for other nodes as [[host]] 1 (line 1), 10.0.0.1: give each host one of its own.",
        ),
        (f'{N1}{PINNED}{N2}{PINNED}client-address = "10.0.0.1:8000"', "it has the same client address as [[host]] 1"),
    ],
)
def test_what_cannot_work(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(BadInput) as caught:
        read(tmp_path, text)
    said = str(caught.value)
    assert sentence in said
    assert said.startswith(f"The inventory {tmp_path}/hosts.toml ")
    assert len(said.splitlines()) == 1


def test_a_key_with_a_passphrase(tmp_path: Path) -> None:
    with (tmp_path / "id").open("w") as file:
        CLIENT_KEY.write_private_key(file, password="secret")
    with pytest.raises(BadInput, match=r"'key' .*/id has a passphrase: add it to an SSH agent, and leave out 'key'\."):
        read(tmp_path, f'{N1}{PINNED}key = "id"')


def test_the_example_of_the_documentation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [example] = re.findall(r"^```toml\n(.*?)^```", DOCUMENTATION.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "id_ed25519").write_text(private_text(CLIENT_KEY))
    (tmp_path / ".ssh" / "known_hosts").write_text(f"10.0.0.11,10.0.0.12 {public_text(HOST_KEY)}\n")
    inventory = read(tmp_path, example)
    assert inventory.names == ("n1", "n2", "n3")
    assert inventory.as_root
    first, second, third = inventory.hosts
    assert first.host_keys == second.host_keys == (HOST_KEY,)
    assert (second.user, second.become, second.folder) == ("storm", "sudo", "/srv/raftstorm")
    assert (third.port, third.peer_address, third.host_keys[0].get_name()) == (2222, "10.0.0.13", "ssh-ed25519")
    assert (third.client_host, third.client_reached_port) == ("203.0.113.7", 18000)


def test_there_is_none() -> None:
    with pytest.raises(BadInput, match=r"The inventory /nowhere/hosts\.toml cannot be read: No such file"):
        read_inventory("/nowhere/hosts.toml")
