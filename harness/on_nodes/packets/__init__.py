"""Hindered packets by a queue of the kernel (NFQUEUE), which also kernels without netem have.

    fate.py       what becomes of a packet: pure
    nfqueue.py    the kernel's queue, spoken to over netlink
    agent.py      the process that holds packets, and lets them go
    pings.py      what a link does to packets, measured from its source
    __main__.py   the commands

The kernel hands the receiving node's packets from hindered peers to the agent, which decides: let go at once or later,
drop, alter. Copies go in again through the loopback device. The agent runs while there is something to hinder. Where it
dies, the kernel lets packets pass (`--queue-bypass`), and drops those that were held.
"""
