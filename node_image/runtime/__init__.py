"""The process around the node: it carries effects out, with sockets, files and clocks, and knows nothing of Raft.

Reading order: `config`, `process` (one turn: inputs gather, the node takes them, effects go out), `files` (what is
durable when), `frames` and `links` (to the peers), `listeners` (from peers and clients), `trace`, `log`, `server`
(start and stop).
"""
