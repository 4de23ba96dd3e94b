"""What Raft looks like with each bug of the catalogue (node_image/bugs.py). Loaded only by nodes that have one: see
`node_image.variants`."""

from node_image.raft.mistakes import commit, liveness, log, membership, reads, votes

__all__ = ["commit", "liveness", "log", "membership", "reads", "votes"]
