"""The server on each node: registers replicated by PySyncObj, behind a port that speaks lines of JSON.

    server.py DATA LISTEN CLIENT_PORT PEER_PORT

A request is a list, [what, key, ...]; the answer {"result": ...} or {"error": why}, in the words of PySyncObj. The
server speaks first, one line, so that a client knows that somebody is there.
"""

import json
import socketserver
import sys
import threading
import time

from pysyncobj import FAIL_REASON, SyncObj, SyncObjConf, SyncObjConsumer, replicated

WAIT_S = 10.0
REASONS = {number: name for name, number in vars(FAIL_REASON).items() if name.isupper()}
LEADER = 2


class Registers(SyncObjConsumer):
    def __init__(self):
        super().__init__()
        self.values = {}

    @replicated
    def read(self, key):
        return self.values.get(key)

    @replicated
    def write(self, key, value):
        self.values[key] = value

    @replicated
    def cas(self, key, expected, new):
        """Whether it matched, and the value afterwards."""
        seen = self.values.get(key)
        if seen != expected:
            return [False, seen]
        self.values[key] = new
        return [True, new]


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        self.say({"hello": "registers"})
        for line in self.rfile:
            what, key, *arguments = json.loads(line)
            if what == "status":
                self.say({"result": status(self.server.raft)})
            elif what == "look":
                self.say({"result": self.server.registers.values.get(key)})
            else:
                self.say(self.command(getattr(self.server.registers, what), key, *arguments))

    def command(self, method, *arguments):
        done, came = threading.Event(), []
        method(*arguments, callback=lambda result, reason: (came.extend((result, reason)), done.set()))
        if not done.wait(WAIT_S):
            return {"error": "TIMEOUT"}
        result, reason = came
        return {"result": result} if reason == FAIL_REASON.SUCCESS else {"error": REASONS.get(reason, str(reason))}

    def say(self, message):
        self.wfile.write(json.dumps(message).encode() + b"\n")
        self.wfile.flush()


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


def status(raft):
    told = raft.getStatus()
    return {
        "term": told["raft_term"],
        "role": "leader" if told["state"] == LEADER else "follower",
        "leader": None if told["leader"] is None else str(told["leader"]),
        "commit": told["commit_idx"],
        "applied": told["last_applied"],
        "wall": time.time_ns(),
        "mono": time.monotonic_ns(),
    }


def main(data, listen, client_port, peer_port):
    with open("peers.json") as file:
        peers = json.load(file)
    registers = Registers()
    conf = SyncObjConf(
        bindAddress=f"{listen}:{peer_port}",
        journalFile=f"{data}/journal",
        fullDumpFile=f"{data}/dump",
        commandsWaitLeader=False,
        connectionRetryTime=0.5,
    )
    with Server((listen, int(client_port)), Handler) as server:
        server.registers = registers
        server.raft = SyncObj(peers["self"], peers["others"], conf, consumers=[registers])
        server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
