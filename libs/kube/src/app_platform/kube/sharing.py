"""Shares keys out over replicas by rendezvous hashing. Pure.

When a replica joins or leaves, only the keys that it gains or had move: every other key stays where it was.
"""

from collections.abc import Collection
from hashlib import blake2b


def share(replicas: Collection[str], key: str) -> str:
    """The replica that a key belongs to; all who know the same replicas agree.

    Raises:
        ValueError: there is no replica.
    """
    if not replicas:
        raise ValueError("there is no replica to give a key to")
    return max(replicas, key=lambda replica: (_weight(replica, key), replica))


def _weight(replica: str, key: str) -> bytes:
    return blake2b(
        key.encode(), key=blake2b(replica.encode(), digest_size=32).digest(), digest_size=16
    ).digest()
