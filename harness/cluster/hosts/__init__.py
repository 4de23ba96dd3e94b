"""Nodes on hosts that are somebody's: machines with an SSH daemon, listed in an inventory (docs/places.md).

Nothing is taken for ours that is not proven to be: a run has one folder on each host, a lock that says whose it is,
chains of the packet filter that carry the run's own letters, and server processes that were started on files of that
folder. All of it goes when the run ends, and `raftstorm clean --inventory` removes what a killed harness left.
"""
