"""Key-value stores: sum gradients over contexts, hold and update parameters."""

from .kvstore import KVStore, create

__all__ = ["KVStore", "create"]
