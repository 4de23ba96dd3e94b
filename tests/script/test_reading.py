"""Scripts out of TOML: what fits, and one sentence with the place for each thing that does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.client import Invocation
from harness.errors import BadInput
from harness.nemesis import Begin, End, Timed
from harness.script import Bounds, Script, ScriptedFault, read_script, write_script

BOUNDS = Bounds(
    nodes=("n1", "n2", "n3"), time_limit_s=30.0, owned=lambda invocation: (invocation.key or "r0").startswith("r")
)
WHOLE = """
[[fault]]
at = 4
for = 2.5
kind = "partition"
variant = "isolate-leader"

[[fault]]
at = 1.5
until = 4.0
kind = "kill"
nodes = ["n3", "n1"]

[[operation]]
at = 2.0
process = 12
f = "read"
key = "r0"

[[operation]]
at = 0.25
process = 2
f = "cas"
key = "r0"
value_json = '[null, 5]'

[[operation]]
at = 3
process = 0
f = "read"
key = "r0"
read = "stale"
"""


def read(folder: Path, text: str) -> Script:
    file = folder / "s.toml"
    file.write_text(text, "utf-8")
    return read_script(str(file), BOUNDS)


def test_faults_and_operations(tmp_path: Path) -> None:
    script = read(tmp_path, WHOLE)
    assert script == Script(
        (
            ScriptedFault(4.0, 6.5, "partition", "isolate-leader"),
            ScriptedFault(1.5, 4.0, "kill", exact={"nodes": ["n3", "n1"]}),
        ),
        (
            Invocation(f="cas", key="r0", value=[None, 5], time=250_000_000, process=2),
            Invocation(f="read", key="r0", read="linearizable", time=2_000_000_000, process=12),
            Invocation(f="read", key="r0", read="stale", time=3_000_000_000, process=0),
        ),
    )
    assert script.kinds == ("kill", "partition")


def test_commands_come_in_the_order_of_times_and_ends_before_begins(tmp_path: Path) -> None:
    assert read(tmp_path, WHOLE).commands() == [
        Timed(1.5, Begin("f1", "kill", insist=True, exact={"nodes": ["n3", "n1"]})),
        Timed(4.0, End("f1")),
        Timed(4.0, Begin("f2", "partition", "isolate-leader", insist=True)),
        Timed(6.5, End("f2")),
    ]


def test_what_a_fault_may_hit_depends_on_all_nodes_there_are(tmp_path: Path) -> None:
    """A minority may be lost."""
    lost = fault('kind = "replace"\nnodes = ["n3"]')
    assert read(tmp_path, lost).faults == (ScriptedFault(1.0, 3.0, "replace", exact={"nodes": ["n3"]}),)
    with pytest.raises(BadInput, match="fewer than half of all"):
        read(tmp_path, fault('kind = "replace"\nnodes = ["n3", "n1"]'))


def fault(more: str) -> str:
    return f"[[fault]]\nat = 1\nfor = 2\n{more}\n"


def operation(more: str) -> str:
    return f"[[operation]]\nat = 1\nprocess = 0\n{more}\n"


GOOD = fault('kind = "kill"\nnodes = ["n1"]')


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is empty: it takes [[fault]] and [[operation]] tables."),
        ("fault = = 1", "is not TOML: "),
        ("[[faults]]\nat = 1", "s.toml has no 'faults': did you mean 'fault'?"),
        ("[fault]\nat = 1", "write [[fault]], with two brackets, above each fault."),
        (fault(""), "at [[fault]] 1 (line 1): it has no 'kind'."),
        (GOOD + fault('kind = "kil"'), "at [[fault]] 2 (line 6): there is no fault named 'kil': did you mean 'kill'?"),
        ('fault = [{at = 1, for = 2, kind = "kil"}]', "at [[fault]] 1: there is no fault named 'kil'"),
        (
            fault('kind = "kill"'),
            "it takes a 'variant' (one, minority, leader, followers, majority, all), or says itself",
        ),
        (fault('kind = "kill"\nvariant = "lead"'), "no variant of kill named 'lead': did you mean 'leader'?"),
        (fault('kind = "kill"\nvariant = 3'), "'variant' takes a name, not 3."),
        (fault('kind = "kill"\nvariant = "all"\nnodes = ["n1"]'), "it has a 'variant' and 'nodes'"),
        (fault('kind = "kill"\nnodes = ["n4"]'), "there is no node 'n4': there are n1, n2, n3."),
        (fault('kind = "kill"\nnodes = ["n1", "n1"]'), "'nodes' names a node twice."),
        (fault('kind = "kill"\nnodes = []'), "'nodes' takes a list of nodes, like [\"n1\"]."),
        (fault('kind = "kill"\nnodes = "n1"'), "'nodes' takes a list of nodes"),
        (fault('kind = "kill"\nnode = ["n1"]'), "a kill has no 'node': did you mean 'nodes'?"),
        (fault('kind = "clock"\nnodes = ["n1"]'), "takes 'offset_s' (a jump, or with 'period_s' a strobe) or 'step_s'"),
        (fault('kind = "clock"\nnodes = ["n1"]\noffset_s = 0'), "'offset_s' takes seconds up to 1000000, and not 0."),
        (fault('kind = "clock"\nnodes = ["n1"]\noffset_s = inf'), "'offset_s' takes seconds, not inf."),
        (fault('kind = "clock"\nnodes = ["n1"]\noffset_s = true'), "'offset_s' takes seconds, not True."),
        (fault('kind = "clock"\nnodes = ["n1"]\nstep_s = 1\nperiod_s = -1'), "'period_s' takes seconds above 0"),
        (fault('kind = "partition"\nnodes = ["n1"]'), "a partition has no 'nodes': there are: groups, links."),
        (fault('kind = "partition"\ngroups = [["n1"]]'), "'groups' takes two groups or more."),
        (fault('kind = "partition"\ngroups = [["n1"], ["n1", "n2"]]'), "a node is in two 'groups'."),
        (fault('kind = "partition"\ngroups = ["n1", "n2"]'), "'groups' takes a list of nodes"),
        (fault('kind = "partition"\nlinks = [["n1", "n2", "n3"]]'), "each of the 'links' takes two nodes"),
        (fault('kind = "partition"\nlinks = []'), "'links' takes a list of lists of nodes."),
        (fault('kind = "partition"\nlinks = [["n1", "n2"]]\ngroups = []'), "either 'groups' or 'links'."),
        ('[[fault]]\nkind = "kill"\nvariant = "one"\nfor = 1', "it has no 'at'."),
        ('[[fault]]\nkind = "kill"\nvariant = "one"\nat = 1', "it takes either 'for' or 'until', in seconds."),
        ('[[fault]]\nkind = "kill"\nvariant = "one"\nat = -1\nfor = 1', "'at' takes seconds, 0 or more, not -1."),
        ('[[fault]]\nkind = "kill"\nvariant = "one"\nat = 5\nuntil = 5', "it ends at 5 s, and so never begins."),
        (
            '[[fault]]\nkind = "kill"\nvariant = "one"\nat = 29\nfor = 2',
            "it ends at 31 s, and the main phase at 30 s (--time-limit).",
        ),
        (
            GOOD + '[[fault]]\nat = 2\nfor = 9\nkind = "pause"\nnodes = ["n2", "n1"]',
            "at [[fault]] 2 (line 6): n1 is held until 3 s by the kill of [[fault]] 1 (line 1).",
        ),
        (operation(""), "at [[operation]] 1 (line 1): it has no 'f', like \"write\"."),
        (operation('f = "read"\nkey = "q1"'), "no workload of this run has operations on the key 'q1'."),
        (operation('f = "read"\nkey = 7'), "'key' takes text, not 7."),
        (operation('f = "read"\nkye = "r1"'), "an operation has no 'kye': did you mean 'key'?"),
        (operation('f = "read"\nkey = "r1"\nread = "dirty"'), "'read' takes linearizable, lease, sequential, stale"),
        (operation('f = "write"\nvalue = 2020-01-01'), "'value' holds a date or a time, which no history does."),
        (operation('f = "write"\nvalue = 1\nvalue_json = "1"'), "either 'value' or 'value_json'."),
        (operation('f = "write"\nvalue_json = "[1"'), "'value_json' takes JSON text, like '[null, 1]'"),
        (operation('f = "txn"\nvalue = 1'), "the value of a txn takes steps"),
        ('[[operation]]\nat = 1\nf = "read"\nprocess = -1', "'process' takes a whole number, 0 or more."),
        ('[[operation]]\nat = 30\nf = "read"\nprocess = 1', "it comes at 30 s, and the main phase ends at 30 s"),
    ],
)
def test_what_does_not_fit(text: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        read(tmp_path, text)
    said = str(caught.value)
    assert sentence in said
    assert "s.toml" in said
    assert said[-1] in ".?"
    assert "\n" not in said


def test_one_after_the_other_on_one_node_fits(tmp_path: Path) -> None:
    text = GOOD + '[[fault]]\nat = 3\nfor = 2\nkind = "pause"\nnodes = ["n1"]'
    assert len(read(tmp_path, text).faults) == 2


def test_what_may_overlap(tmp_path: Path) -> None:
    """Other nodes, kinds that are not exclusive, and variants, which look for free nodes themselves."""
    others = [
        'kind = "pause"\nnodes = ["n2"]',
        'kind = "clock"\nnodes = ["n1"]\noffset_s = 1',
        'kind = "partition"\ngroups = [["n1"], ["n2"]]',
        'kind = "kill"\nvariant = "one"',
    ]
    assert len(read(tmp_path, GOOD + "".join(map(fault, others))).faults) == 5


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(BadInput, match="cannot be read: No such file"):
        read_script("/nowhere/s.toml", BOUNDS)


@pytest.mark.parametrize(
    "value",
    [
        None,
        7,
        -1.5,
        'a "b" \\ \x7f \n ü 日',
        True,
        [None, 1],
        ["a", [1.0, 2]],
        {"from": "a", "to": "b\x00", "amount": 3},
        {"deep": [{"x": None}]},
        {"": {}},
        2**53 + 1,
    ],
)
def test_values_are_read_back_as_they_were(value: object, tmp_path: Path) -> None:
    script = Script((), (Invocation(f="write", key="r\"'0", value=value, time=1_234_567_891, process=3),))
    assert read(tmp_path, write_script(script, head=["a\nb"])) == script


def test_faults_are_read_back_as_they_were(tmp_path: Path) -> None:
    faults = (
        ScriptedFault(0.000000001, 29.999999999, "partition", exact={"groups": [["n1"], ["n2", "n3"]]}),
        ScriptedFault(1.0, 2.0, "partition", exact={"links": [["n1", "n2"]]}),
        ScriptedFault(1.1, 2.0, "clock", exact={"nodes": ["n1"], "offset_s": -0.005, "period_s": 0.15}),
        ScriptedFault(1.2, 2.0, "kill", "minority"),
    )
    assert read(tmp_path, write_script(Script(faults))) == Script(faults)
