"""What must be durable before which message or answer leaves: Raft, storage and replica made into one node. Sans-IO.

Read in this order: effects, config, group_commit, tracer, node; wire stands alone. (Nothing is imported here: storage
speaks in effects too, and node imports storage.)"""
