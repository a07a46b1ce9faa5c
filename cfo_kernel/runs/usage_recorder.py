"""Records each run's tokens, cost and outcome in the ledger."""

from dataclasses import dataclass
from datetime import datetime

from cfo_kernel.agent.prices import Prices
from cfo_kernel.runs.journal import RunRow
from cfo_kernel.store.history import RunEntry, run_to_completion, timestamp
from cfo_kernel.store.ledger import Capsule, Ledger, usage_columns


@dataclass(frozen=True)
class UsageRecorder:
    """Records usage in the root's ledger. Also holds the model prices, which are read when the root is opened."""

    prices: Prices
    ledger: Ledger

    async def seal(self, run: RunRow, entry: RunEntry) -> None:
        """Adds the run's capsule to the ledger. Calling it again has no effect. Raises `StorageFailed`."""
        capsule = Capsule(
            run_id=run.id,
            workspace_id=run.workspace_id,
            thread_id=run.thread_id,
            parent_run_id=run.parent_run_id,
            status=entry.status,
            error_code=entry.error.code if entry.error else None,
            accepted_at=run.accepted_at,
            ended_at=datetime.fromisoformat(entry.at or timestamp()),  # a damaged history entry has no time
            **usage_columns(entry.usage),
        )
        await run_to_completion(self.ledger.seal, capsule)
