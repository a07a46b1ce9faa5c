"""Recording what a run used: its tokens, cost and outcome go into the ledger."""

from dataclasses import dataclass
from datetime import datetime

from cfo_kernel.agent.prices import Prices
from cfo_kernel.runs.journal import RunRow
from cfo_kernel.store.history import RunEntry, run_to_completion, timestamp
from cfo_kernel.store.ledger import Capsule, Ledger, usage_columns


@dataclass(frozen=True)
class UsageRecorder:
    """The root's prices, read when it was opened, and its ledger."""

    prices: Prices
    ledger: Ledger

    async def seal(self, run: RunRow, entry: RunEntry) -> None:
        """Writes the run's capsule to the ledger. Calling it again changes nothing. Raises `StorageFailed`."""
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
