"""Nodes as processes on this machine, without root and without containers.

Every node has a folder, and ports of its own on 127.0.0.1. What one node sends to another goes through the relay
(relay/), a process beside them that knows which node a connection comes from and can hold up, slow down or reset what
is on its way. Clocks and processes are reached as on any node, over a shell (harness.cluster.over_ssh).

Everything of a run is in one folder, and every process carries that folder's name in its environment (marks.py), so
that what a killed harness leaves can be told from everything else.
"""
