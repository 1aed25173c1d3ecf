"""Keeping swaps: keys, sealed shards, and a store that finds them again."""

from fsa_data.store.codec import FrameFaces
from fsa_data.store.collect import Collected, Criteria, collect
from fsa_data.store.index import ABSENT
from fsa_data.store.keys import canonical, digest
from fsa_data.store.merge import Conflict, MergeReport, merge_stores
from fsa_data.store.reader import PayloadReader
from fsa_data.store.shard import FORMAT_VERSION, OK, STATUSES
from fsa_data.store.swap_store import Damage, StoreInfo, SwapStore
from fsa_data.store.writer import StoreWriter

__all__ = [
    "ABSENT",
    "FORMAT_VERSION",
    "OK",
    "STATUSES",
    "Collected",
    "Conflict",
    "Criteria",
    "Damage",
    "FrameFaces",
    "MergeReport",
    "PayloadReader",
    "StoreInfo",
    "StoreWriter",
    "SwapStore",
    "canonical",
    "collect",
    "digest",
    "merge_stores",
]
