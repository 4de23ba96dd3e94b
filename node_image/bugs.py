"""The catalogue of deliberate bugs: mistakes that people really make, each behind one named switch, to measure whether
the harness finds them. None is on by default; a node is started with at most one (`--bug NAME`). docs/bugs.md tells
each in words, `node_image.variants` how a node gets one.

The harness runs this file by itself, so it imports nothing of the node.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

GROUPS: Final = ("votes", "log", "commit", "reads", "state machine", "membership", "liveness")

CHECKS: Final = {
    "safety": "Raft's five properties (paper, figure 3), and that a node keeps what it has said, at every step of a "
    "simulation; elsewhere what traces show of them",
    "linearizability": "of each key or object, by values and by log indexes",
    "log indexes": "reads judged by the log index that they report",
    "exactly once": "a request that was sent again has taken effect once",
    "transactions": "anomalies of transactions, and the bank's total",
    "fenced locks": "tokens grow, and an old one releases nothing",
    "crash": "the node ends by itself, or does not start from what it has stored",
    "liveness": "with the faults over, or with a majority connected, the cluster and all its nodes make progress",
}
"""What can find a bug, by the name that `Bug.checks` uses."""


@dataclass(frozen=True)
class Bug:
    name: str
    description: str
    breaks: str
    """The rule that is broken, with its section."""
    group: str
    checks: tuple[str, ...]
    """The kinds of check that ought to find it, names of CHECKS."""
    found_by: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Options of `raftstorm run` that are enough, all others as they are by default; none: it shows with everything
    that happens by default. It says where to look, not what a hunt has to be told."""
    simulator_only: str | None = None
    """Why containers cannot show it; None if they can."""


def _options(**options: str) -> Mapping[str, str]:
    return MappingProxyType({name.replace("_", "-"): value for name, value in options.items()})


# Votes

FORGET_VOTE: Final = Bug(
    "forget-vote",
    "a node that restarts knows its term, but not whom it has voted for in it",
    "Raft paper, figure 2: votedFor is persistent state on all servers",
    "votes",
    ("safety",),
    _options(nemesis="kill,partition"),
)
FORGET_TERM: Final = Bug(
    "forget-term",
    "a node that restarts takes the term of its last entry for the current one",
    "Raft paper, figure 2: currentTerm is persistent state on all servers, and increases monotonically",
    "votes",
    ("safety",),
    _options(nemesis="kill,partition"),
)
VOTE_WITHOUT_LOG_CHECK: Final = Bug(
    "vote-without-log-check",
    "a node votes for any candidate, also for one whose log is behind its own",
    "Raft paper, 5.4.1: the voter denies its vote if its own log is more up-to-date",
    "votes",
    ("safety", "linearizability"),
    _options(nemesis="kill,partition"),
)
VOTE_TWICE: Final = Bug(
    "vote-twice",
    "a node votes for every candidate of a term that asks, whomever it has voted for",
    "Raft paper, 5.2: each server votes for at most one candidate in a given term",
    "votes",
    ("safety", "linearizability"),
    _options(nemesis="kill,partition"),
)
COUNT_OLD_VOTES: Final = Bug(
    "count-old-votes",
    "a candidate counts votes that it was given in an earlier term",
    "Raft paper, 5.1 and 5.2: a candidate wins with votes of a majority for the same term",
    "votes",
    ("safety",),
    _options(nemesis="kill,partition,pause"),
)
SHORT_MAJORITY: Final = Bug(
    "short-majority",
    "a candidate wins with half of the voters, rounded down: two of four, two of five",
    "Raft paper, 5.2: a candidate wins with votes from a majority of the servers in the full cluster",
    "votes",
    ("safety",),
    _options(nemesis="partition"),
)

# The log

NO_PREVIOUS_CHECK: Final = Bug(
    "no-previous-check",
    "a follower appends behind any entry that it has at the previous index, whatever that entry's term",
    "Raft paper, figure 2, AppendEntries, receiver, step 2: the term at prevLogIndex must match prevLogTerm",
    "log",
    ("safety", "linearizability"),
    _options(nemesis="partition,kill"),
)
CUT_AT_EVERY_APPEND: Final = Bug(
    "cut-at-every-append",
    "a follower cuts its log behind the entries of every append, also where all of them match",
    "Raft paper, figure 2, AppendEntries, receiver, step 3: only a conflicting entry and what follows it go",
    "log",
    ("safety", "liveness"),
    simulator_only="it takes appends that arrive late or twice, and a connection between containers keeps its order",
)
MATCH_FROM_LAST_INDEX: Final = Bug(
    "match-from-last-index",
    "a follower answers a heartbeat with its last index, and the leader takes that for what the two have in common",
    "Raft paper, figure 2: matchIndex is the highest entry known to be replicated on the server",
    "log",
    ("safety", "linearizability"),
    _options(nemesis="partition"),
)
COUNT_FOLLOWER_BEFORE_SYNC: Final = Bug(
    "count-follower-before-sync",
    "a follower accepts an append at once, while its disk is still at work on it",
    "Raft paper, figure 2: persistent state is updated on stable storage before responding to RPCs",
    "log",
    ("safety", "linearizability"),
    _options(nemesis="kill"),
)
COUNT_OWN_BEFORE_SYNC: Final = Bug(
    "count-own-before-sync",
    "a leader counts itself for entries that its own disk does not have yet",
    "Ongaro's dissertation, 10.2.1: the leader may count its own entry only once it is durable",
    "log",
    ("safety", "linearizability"),
    _options(nemesis="kill"),
)
NEVER_SYNC: Final = Bug(
    "never-sync",
    "a node writes its log and never syncs it: what it wrote since it was started is lost with it",
    "Raft paper, figure 2: persistent state is updated on stable storage before responding to RPCs",
    "log",
    ("safety", "linearizability"),
    _options(nemesis="kill"),
)
ACK_BEFORE_SYNC: Final = Bug(
    "ack-before-sync",
    "a node acknowledges entries and votes before its disk has them, and syncs later",
    "Raft paper, figure 2: persistent state is updated on stable storage before responding to RPCs",
    "log",
    ("safety", "linearizability"),
    _options(nemesis="kill"),
)
ACCEPT_TORN_RECORD: Final = Bug(
    "accept-torn-record",
    "a node that restarts takes the torn last record of its log for a whole one, with zeros for what is missing",
    "Raft paper, figure 3, log matching: entries with the same index and term hold the same command",
    "log",
    ("safety", "crash"),
    _options(nemesis="power"),
)
KEEP_LOG_AFTER_SNAPSHOT: Final = Bug(
    "keep-log-after-snapshot",
    "a follower keeps its own log, and no snapshot, where that has any entry at the snapshot's last index",
    "Raft paper, figure 13, steps 6 and 7: the log stays only if the entry there has the snapshot's term too",
    "log",
    ("safety", "linearizability"),
    _options(nemesis="partition"),
)

# Commitment

COMMIT_OLD_TERMS: Final = Bug(
    "commit-old-terms",
    "a leader commits entries of earlier terms as soon as a majority has them",
    "Raft paper, 5.4.2 and figure 8: only entries of the leader's own term are committed by counting replicas",
    "commit",
    ("safety",),
    _options(nemesis="kill,partition"),
)
ANSWER_ON_APPEND: Final = Bug(
    "answer-on-append",
    "a leader answers a write when it has appended it, before it is committed",
    "Raft paper, 5.3: the leader returns a result to the client when the entry has been safely replicated",
    "commit",
    ("linearizability", "log indexes"),
    _options(nemesis="partition,kill"),
)
ANSWER_OVERWRITTEN: Final = Bug(
    "answer-overwritten",
    "a node answers a proposal when any command is applied at its index, also another leader's",
    "Raft paper, 5.4 and section 8: an entry is a client's own only if its term is the one it was proposed in",
    "commit",
    ("linearizability", "log indexes"),
    _options(nemesis="partition"),
)
COMMIT_PAST_MATCH: Final = Bug(
    "commit-past-match",
    "heartbeats carry the leader's commit index whatever the follower matches, and it commits what it has up to there",
    "Raft paper, figure 2, AppendEntries, receiver, step 5: at most up to the index of the last new entry",
    "commit",
    ("safety", "linearizability"),
    _options(nemesis="partition"),
)
APPLY_BEFORE_COMMIT: Final = Bug(
    "apply-before-commit",
    "a node applies entries as soon as they are in its log",
    "Raft paper, 5.3: an entry is applied once it is committed; figure 3, state machine safety",
    "commit",
    ("safety", "linearizability", "crash"),
    _options(nemesis="partition"),
)

# Reads

READ_WITHOUT_CONFIRMING: Final = Bug(
    "read-without-confirming",
    "a leader answers linearizable reads from its own state without confirming that it still leads",
    "Ongaro's dissertation, section 6.4, step 3: a round of heartbeats before a read-only query is answered",
    "reads",
    ("linearizability", "log indexes"),
    _options(nemesis="partition"),
)
READ_BEFORE_OWN_COMMIT: Final = Bug(
    "read-before-own-commit",
    "a new leader takes its commit index for reads before it has committed an entry of its own term",
    "Ongaro's dissertation, section 6.4, step 1: until then a leader does not know what is committed",
    "reads",
    ("linearizability", "log indexes"),
    _options(nemesis="kill,partition"),
)
LEASE_IGNORES_DRIFT: Final = Bug(
    "lease-ignores-drift",
    "a leader's read lease lasts a whole election timeout, as if all clocks ran at the same rate",
    "Ongaro's dissertation, section 6.4.1: the lease is shorter by the bound on clock drift",
    "reads",
    ("linearizability", "log indexes"),
    _options(nemesis="partition", read_mode="lease"),
    "monotonic clocks of containers on one machine are one clock",
)
WALL_CLOCK_LEASE: Final = Bug(
    "wall-clock-lease",
    "a leader measures its read lease on the wall clock instead of the monotonic clock",
    "Ongaro's dissertation, section 6.4.1: leases rely on bounded clock drift, which wall clocks do not keep",
    "reads",
    ("linearizability", "log indexes"),
    _options(nemesis="clock,partition", read_mode="lease"),
)
LEASE_KEPT_THROUGH_TRANSFER: Final = Bug(
    "lease-kept-through-transfer",
    "a leader that has told another node to campaign goes on answering by its read lease",
    "Ongaro's dissertation, section 6.4.1: the lease ends with a transfer, whose election voters do not put off",
    "reads",
    ("linearizability", "log indexes"),
    _options(nemesis="membership,partition", read_mode="lease"),
)
IGNORE_CLIENT_INDEX: Final = Bug(
    "ignore-client-index",
    "a node answers a sequential read at once, without waiting until it has applied the client's index",
    "the sequential read's promise: reads see the client's own writes and never go back",
    "reads",
    ("log indexes",),
    _options(workload="follower-reads", nemesis="partition"),
)
REPORT_UNAPPLIED_INDEX: Final = Bug(
    "report-unapplied-index",
    "a follower reports the last index of its log with what it reads, instead of the one that it has applied",
    "the client protocol: a read's index is the one that the answering node's state had reached",
    "reads",
    ("log indexes",),
    _options(workload="follower-reads"),
)

# The state machine

APPLY_RETRIES: Final = Bug(
    "apply-retries",
    "a command that a client sent again is applied again",
    "Ongaro's dissertation, section 6.3: a command of a session that was applied before gets the kept response",
    "state machine",
    ("exactly once",),
    _options(workload="sessions"),
)
SNAPSHOT_WITHOUT_SESSIONS: Final = Bug(
    "snapshot-without-sessions",
    "snapshots hold the values and not the sessions, so that a restored node applies retries again",
    "Ongaro's dissertation, section 6.3 and 5.1: session state is part of the state machine, and of its snapshots",
    "state machine",
    ("exactly once", "linearizability"),
    _options(workload="sessions", nemesis="kill,partition"),
)
SESSION_EXPIRY_BY_CLOCK: Final = Bug(
    "session-expiry-by-clock",
    "each node forgets sessions that were not used for a while by its own clock",
    "Ongaro's dissertation, section 6.3: servers must agree on when a session expires",
    "state machine",
    ("exactly once",),
    _options(workload="sessions", nemesis="partition,pause"),
)
SKIP_AFTER_SNAPSHOT: Final = Bug(
    "skip-after-snapshot",
    "a node that is restored from a snapshot leaves out the first entry behind it",
    "Raft paper, figure 3, state machine safety, and section 7: entries behind the snapshot's last index follow it",
    "state machine",
    ("safety", "linearizability"),
    _options(nemesis="kill,partition"),
)
REAPPLY_AFTER_SNAPSHOT: Final = Bug(
    "reapply-after-snapshot",
    "a snapshot's index and sessions are noted one entry before its values, so that entry is applied again",
    "Raft paper, section 7: a snapshot is the state at its last included index",
    "state machine",
    ("linearizability", "exactly once"),
    _options(workload="counter", nemesis="kill"),
)
CAS_AT_PROPOSAL: Final = Bug(
    "cas-at-proposal",
    "a leader compares when a compare-and-set is proposed, and sets when it is applied",
    "Raft paper, section 2: commands are decided by the state machine, in the order of the log",
    "state machine",
    ("linearizability",),
    _options(workload="register"),
)
TRANSACTION_IN_PARTS: Final = Bug(
    "transaction-in-parts",
    "a leader proposes a transaction's steps one by one, each when the one before it is applied",
    "the transaction's promise: all of its steps in one entry, or none; nobody sees a state between two of them",
    "state machine",
    ("transactions",),
    _options(workload="bank"),
)
EXPIRY_BY_CLOCK: Final = Bug(
    "expiry-by-clock",
    "each node ends what has a time to live in its own state, by its own clock",
    "Raft paper, section 2: state machines are deterministic, so that the same log makes the same state",
    "state machine",
    ("fenced locks",),
    _options(workload="leases", nemesis="partition,kill,pause"),
)

# Membership

TWO_CHANGES_AT_ONCE: Final = Bug(
    "two-changes-at-once",
    "a leader begins a change of the membership while another is under way",
    "Ongaro's dissertation, section 4.3: C_old,new is committed, and C_new after it, before the next change begins",
    "membership",
    ("safety", "linearizability"),
    _options(nemesis="membership,partition,kill"),
)
CONFIGURATION_WHEN_COMMITTED: Final = Bug(
    "configuration-when-committed",
    "a node uses a configuration when it learns that it is committed, not when its log has it",
    "Raft paper, section 6: a server always uses the latest configuration in its log, committed or not",
    "membership",
    ("safety", "linearizability"),
    _options(nemesis="membership,partition,kill"),
)
COUNT_REMOVED: Final = Bug(
    "count-removed",
    "a leader counts nodes that it has removed among those that have an entry, and sends them more",
    "Raft paper, section 6: agreement takes majorities of the configuration's servers, and of no others",
    "membership",
    ("safety", "linearizability"),
    _options(nemesis="membership,partition,kill"),
)
COUNT_LEARNERS: Final = Bug(
    "count-learners",
    "a leader counts learners as if they were voters",
    "Ongaro's dissertation, section 4.2.1: servers that catch up are not counted towards majorities",
    "membership",
    ("safety", "linearizability"),
    _options(nemesis="membership,partition,kill"),
)
LEAVE_JOINT_EARLY: Final = Bug(
    "leave-joint-early",
    "a leader appends the new configuration at once behind the joint one, which is not committed yet",
    "Raft paper, section 6: only once C_old,new is committed may C_new be appended",
    "membership",
    ("safety", "linearizability"),
    _options(nemesis="membership,partition,kill"),
)

# Liveness

EQUAL_ELECTION_TIMEOUTS: Final = Bug(
    "equal-election-timeouts",
    "all nodes wait equally long before they stand for election",
    "Raft paper, 5.2: randomized election timeouts make split votes rare and resolve them quickly",
    "liveness",
    ("liveness",),
    _options(nemesis="kill,partition"),
)
LEAD_WITHOUT_QUORUM: Final = Bug(
    "lead-without-quorum",
    "a leader that hears from no majority goes on leading",
    "Ongaro's dissertation, section 6.2: a leader steps down after an election timeout without a majority's answers",
    "liveness",
    ("liveness",),
    _options(nemesis="partition"),
)
REMOVED_NODE_CAMPAIGNS: Final = Bug(
    "removed-node-campaigns",
    "a node that was removed stands for election again and again, and the others listen to it",
    "Ongaro's dissertation, section 4.2.3: servers that hear from a leader refuse to take part in elections",
    "liveness",
    ("liveness",),
    _options(nemesis="membership"),
)
NEVER_SEND_SNAPSHOT: Final = Bug(
    "never-send-snapshot",
    "a leader goes on offering the oldest entries that it has to a follower that needs older ones",
    "Raft paper, section 7: the leader sends a snapshot when it has discarded the next entry that a follower needs",
    "liveness",
    ("liveness",),
    _options(nemesis="kill,partition"),
)

BUGS: Final = {
    bug.name: bug
    for bug in (
        FORGET_VOTE,
        FORGET_TERM,
        VOTE_WITHOUT_LOG_CHECK,
        VOTE_TWICE,
        COUNT_OLD_VOTES,
        SHORT_MAJORITY,
        NO_PREVIOUS_CHECK,
        CUT_AT_EVERY_APPEND,
        MATCH_FROM_LAST_INDEX,
        COUNT_FOLLOWER_BEFORE_SYNC,
        COUNT_OWN_BEFORE_SYNC,
        NEVER_SYNC,
        ACK_BEFORE_SYNC,
        ACCEPT_TORN_RECORD,
        KEEP_LOG_AFTER_SNAPSHOT,
        COMMIT_OLD_TERMS,
        ANSWER_ON_APPEND,
        ANSWER_OVERWRITTEN,
        COMMIT_PAST_MATCH,
        APPLY_BEFORE_COMMIT,
        READ_WITHOUT_CONFIRMING,
        READ_BEFORE_OWN_COMMIT,
        LEASE_IGNORES_DRIFT,
        WALL_CLOCK_LEASE,
        LEASE_KEPT_THROUGH_TRANSFER,
        IGNORE_CLIENT_INDEX,
        REPORT_UNAPPLIED_INDEX,
        APPLY_RETRIES,
        SNAPSHOT_WITHOUT_SESSIONS,
        SESSION_EXPIRY_BY_CLOCK,
        SKIP_AFTER_SNAPSHOT,
        REAPPLY_AFTER_SNAPSHOT,
        CAS_AT_PROPOSAL,
        TRANSACTION_IN_PARTS,
        EXPIRY_BY_CLOCK,
        TWO_CHANGES_AT_ONCE,
        CONFIGURATION_WHEN_COMMITTED,
        COUNT_REMOVED,
        COUNT_LEARNERS,
        LEAVE_JOINT_EARLY,
        EQUAL_ELECTION_TIMEOUTS,
        LEAD_WITHOUT_QUORUM,
        REMOVED_NODE_CAMPAIGNS,
        NEVER_SEND_SNAPSHOT,
    )
}
"""By name, in the order of GROUPS."""
