"""Keys for one run: made fresh, kept in memory, and known in advance on both sides.

The harness makes the nodes' host keys too and hands them in, so that pinning them needs no trust in a first meeting.
ECDSA, since paramiko cannot generate Ed25519 keys.
"""

from __future__ import annotations

import io

import paramiko


def generate() -> paramiko.PKey:
    return paramiko.ECDSAKey.generate(bits=256)


def private_text(key: paramiko.PKey) -> str:
    """As sshd reads a host key."""
    text = io.StringIO()
    key.write_private_key(text)
    return text.getvalue()


def public_text(key: paramiko.PKey) -> str:
    """One line of an authorized_keys file."""
    return f"{key.get_name()} {key.get_base64()}"
