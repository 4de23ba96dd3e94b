"""Writing to a connection that may have just been closed.

asyncio drops what is written to a closed transport; uvloop raises RuntimeError from the moment the handle is closed,
which is before the protocol hears of it (`connection_lost` comes in a later round of the loop). Losing what is written
then is what losing a connection means; ending the node over it would be a mistake.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress


def write(transport: asyncio.WriteTransport, data: bytes) -> None:
    """Sends, or drops where the connection is closed."""
    if not transport.is_closing():
        with suppress(RuntimeError):
            transport.write(data)
