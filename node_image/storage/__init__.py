"""The formats of the write-ahead log and of snapshots, and recovery from them. Sans-IO: bytes in, effects out.

`recover(files)` says what the files hold; `Storage(recovered)` writes on from there. Read in this order: records,
payloads, segment, snapshot_file, recovery, storage. docs/storage-format.md describes the bytes."""

from node_image.storage.errors import Corrupt
from node_image.storage.recovery import Recovered, recover
from node_image.storage.snapshot_file import SNAPSHOT_FILE, encode_snapshot
from node_image.storage.storage import SEGMENT_BYTES, Storage

__all__ = ["SEGMENT_BYTES", "SNAPSHOT_FILE", "Corrupt", "Recovered", "Storage", "encode_snapshot", "recover"]
