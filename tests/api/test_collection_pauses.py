"""Full garbage collections visit only new objects, but find cycles among old objects while no client waits."""

import gc
import weakref

from cfo_api.collection_pauses import CollectionPauses


class Node:
    def __init__(self) -> None:
        self.itself = self


async def test_cycles_are_found_among_very_many_old_objects_even_if_clients_wait() -> None:
    pauses = CollectionPauses(lambda: False)
    thresholds = gc.get_threshold()
    with pauses.kept_short():
        nodes = [Node() for _ in range(3 * gc.get_freeze_count())]
        kept = weakref.ref(nodes[0])
        gc.collect()
        del nodes
        pauses.visit()
        assert not kept()
    assert gc.get_threshold() == thresholds


async def test_old_objects_are_set_aside_until_no_client_waits() -> None:
    is_idle = False
    pauses = CollectionPauses(lambda: is_idle)
    with pauses.kept_short():
        before = gc.get_freeze_count()
        nodes = [Node() for _ in range(before // 2)]
        kept = weakref.ref(nodes[0])
        gc.collect()
        assert gc.get_freeze_count() > before + len(nodes)  # so the next collection does not visit them
        del nodes
        gc.collect()
        pauses.visit()
        assert kept()
        is_idle = True
        pauses.visit()
        assert not kept()
        visited = gc.get_freeze_count()
        assert visited < before * 1.2
    assert gc.get_freeze_count() == 0
