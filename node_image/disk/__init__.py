"""A disk that can lose power, run full, fail and rot: a file system in user space under a node's data folder.

A kernel keeps what it was handed when a process is killed, so killing a server shows nothing of what it forgot to sync.
This file system keeps what was written in its own memory, and hands it on to a real folder (the *store*) only at fsync
or fdatasync. When power is lost, what was not synced goes: all of it or a part.

**What is lost.** As much as POSIX lets a file system lose, as long as it keeps a journal, as all that are in use do:

- Of a file's changes since its last sync (writes, truncations) the first so many stay; of the next write any part; and
  of the sectors of those that stay, some may never have reached the disk.
- Names live apart from what they name. A file that was created, renamed or removed has its new name for certain only
  after an fsync of its folder: an fsync of the file alone keeps a file that nobody finds. Of the changes of names since
  the last sync of any folder the first so many stay.

**After a sync that failed** what it should have kept is gone, and the next one is a success: so do real kernels, and a
server that just tries again believes in data that are nowhere.

It knows nothing of Raft, nor of any system's files. Reading order: `changes` (of one file), `names` (of all), `store`,
`volume` (files, names and crashes together; pure, over a store), `damage`, `filesystem` (what the kernel asks, and the
faults that hit it), `control` (a socket for commands), `__main__`. Only the last three know the world. In the image
`node-disk` (node_image/bin) speaks to it.
"""
