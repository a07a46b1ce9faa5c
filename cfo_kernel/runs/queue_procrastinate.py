"""The queue for several machines. Procrastinate, a task queue in the same PostgreSQL database, distributes the work.

A job only wakes a worker for a thread. The worker reads from the journal which run is next and which process owns it:
it executes the earliest open run of the thread, whichever run the job was created for, and waits while another live
process owns that run. The order of runs therefore never depends on the jobs, which may be lost, delayed or duplicated.
"""

import asyncio
import contextlib
import logging
import os
import platform
import uuid
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import LiteralString

import psycopg
from procrastinate import App, BaseRetryStrategy, PsycopgConnector, RetryDecision
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from procrastinate.jobs import Job
from procrastinate.schema import SchemaManager
from procrastinate.worker import Worker
from psycopg_pool import PoolClosed, PoolTimeout

from cfo_kernel.cancellation import cancel_and_wait
from cfo_kernel.errors import CfoError, RunNotFound
from cfo_kernel.runs.journal import Journal, RunRow
from cfo_kernel.runs.postgres import Database
from cfo_kernel.runs.queue import MAX_CONCURRENT_RUNS, PerformRun
from cfo_kernel.store.database_postgres import QUEUE
from cfo_kernel.store.live_processes import DEAD_AFTER

_HEARTBEAT = 1.0  # seconds between heartbeats, and between searches for dead workers and for runs without a job
_POLL = 0.1  # seconds between polls for jobs whose lock was released when another job of the same thread ended
_POLL_RUN = 0.1  # seconds between checks for whether another process has ended the run
_GRACE = 2.0  # seconds that a stopping worker waits for its jobs
_RUNS, _CHILDREN = "runs", "children"  # two queues: a run occupies its slot while it waits for its children
_MAX_CONCURRENT_CHILDREN = 8 * MAX_CONCURRENT_RUNS
_TRANSIENT_ERRORS = (ConnectorException, psycopg.Error, PoolTimeout, PoolClosed, CfoError)
_DEAD: LiteralString = """
SELECT DISTINCT owner FROM cfo_journal.run WHERE ended_at IS NULL AND owner NOT IN ('', %s)
AND NOT EXISTS (
    SELECT FROM cfo_journal.owner WHERE name = run.owner AND beat > now() - make_interval(secs => %s))
"""
_WITHOUT_JOB: LiteralString = """
SELECT max(id), max(workspace_id), max(thread_id), max(parent_run_id) FROM (
    SELECT *, CASE WHEN parent_run_id IS NULL THEN workspace_id || '/' || thread_id ELSE 'child//' || id END AS lock
    FROM cfo_journal.run WHERE ended_at IS NULL AND accepted_at < now() - interval '2 seconds') AS open
GROUP BY lock HAVING count(*) > (
    SELECT count(*) FROM cfo_queue.procrastinate_jobs AS job WHERE job.lock = open.lock AND status IN ('todo', 'doing'))
"""
_log = logging.getLogger(__name__)


class _Unfinished(Exception):
    """Raised by a job whose run is still open, to put the job back into the queue."""


class ProcrastinateQueue:
    """See `cfo_kernel.runs.queue.RunQueue`. Open the journal before the queue, and close it after the queue."""

    accepts_as = ""

    def __init__(self, journal: Journal, database: Database) -> None:
        self._journal = journal
        self._database = database
        self.me = f"{platform.node()[:40]}-{os.getpid()}-{uuid.uuid4().hex[:12]}"
        self._app = App(connector=PsycopgConnector())
        self._job = self._app.task(name="run", retry=_Retry(self))(self._run_job)
        self.stopping = False
        self._workers: set[Worker] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._performing: set[asyncio.Task[None]] = set()
        self._claimed_here: set[str] = set()
        self._dead: set[str] = set()

    async def open(self, perform: PerformRun) -> None:
        self._perform = perform
        await self._database.migrate(QUEUE, (SchemaManager.get_schema(),))
        await self._app.open_async(self._database.pool)
        await self._send_heartbeat()
        for work in (
            self._monitor(),
            self._run_worker(_RUNS, MAX_CONCURRENT_RUNS),
            self._run_worker(_CHILDREN, _MAX_CONCURRENT_CHILDREN),
        ):
            self._tasks.append(asyncio.create_task(work, name="work on runs"))

    async def offer(self, run: RunRow) -> None:
        try:
            await self._defer(run.id, run.workspace_id, run.thread_id, run.parent_run_id)
        except _TRANSIENT_ERRORS as error:  # the run is accepted; `_recover_from_dead_workers` adds the job later
            _log.warning("run %s has no job yet, one will be added: %s", run.id, error)

    def take(self, run: RunRow) -> None:
        self._start(run)

    @asynccontextmanager
    async def turn(self, run: RunRow) -> AsyncGenerator[None]:  # noqa: ARG002
        yield  # a job starts only when it is its run's turn

    def is_alive(self, owner: str) -> bool:
        return bool(owner) and owner not in self._dead

    def pause(self) -> None:
        self.stopping = True
        for worker in self._workers:
            worker.stop()

    async def close(self) -> None:
        self.pause()
        if self._tasks:
            watching, *working = self._tasks
            await cancel_and_wait(watching)
            await asyncio.wait(working)
        while self._performing:
            await asyncio.wait(self._performing)
        with contextlib.suppress(CfoError):  # if this fails, others take over the runs once the heartbeat is too old
            await self._journal.release(self.me)
            await self._database.select("DELETE FROM cfo_journal.owner WHERE name = %s", (self.me,))

    def close_sync(self) -> None:
        self._database.close_sync()

    # Jobs

    async def _defer(
        self, run_id: str, workspace_id: str, thread_id: str, parent: str | None, *, once: bool = False
    ) -> None:
        lock = f"{workspace_id}/{thread_id}" if parent is None else f"child//{run_id}"
        job = self._job.configure(
            lock=lock, queue=_RUNS if parent is None else _CHILDREN, queueing_lock=lock if once else None
        )
        with contextlib.suppress(AlreadyEnqueued):
            await job.defer_async(
                run_id=run_id, workspace_id=workspace_id, thread_id=thread_id, child=parent is not None
            )

    async def _run_job(self, run_id: str, workspace_id: str, thread_id: str, child: bool) -> None:
        """The body of a job. Returns when a run has ended, or if the thread has no open run."""
        while run := await self._next_run(run_id, workspace_id, thread_id, child=child):
            if self.stopping:
                raise _Unfinished
            if run.id in self._claimed_here or (run.owner != self.me and self.is_alive(run.owner)):
                await asyncio.sleep(_POLL_RUN)
                continue
            self._claimed_here.add(run.id)  # before the claim, so that another job does not claim it too
            try:
                # A run that had not started cannot have caused its owner's death.
                died = run.owner not in ("", self.me) and run.status == "running"
                claimed = await self._journal.claim(run, self.me, died=died)
            finally:
                self._claimed_here.discard(run.id)
            if claimed is not None:
                await asyncio.shield(self._start(claimed))
                return await self._check_ended(claimed)
        return None

    async def _next_run(self, run_id: str, workspace_id: str, thread_id: str, *, child: bool) -> RunRow | None:
        """Returns the run to execute: the child itself for a child's job, or else the thread's earliest open run."""
        runs = await self._journal.open_runs(workspace_id, thread_id)
        return next((r for r in runs if (r.id == run_id if child else r.parent_run_id is None)), None)

    async def _check_ended(self, run: RunRow) -> None:
        """Raises `_Unfinished` if the run is still open although its execution has returned."""
        with contextlib.suppress(RunNotFound):
            if not (await self._journal.run(run.id)).ended:
                raise _Unfinished

    def _start(self, run: RunRow) -> "asyncio.Task[None]":
        """Performs the run in a separate task, which continues if the job is aborted."""
        self._claimed_here.add(run.id)
        task = asyncio.create_task(self._perform_until_ended(run), name=f"run {run.id}")
        self._performing.add(task)
        task.add_done_callback(self._performing.discard)
        return task

    async def _perform_until_ended(self, run: RunRow) -> None:
        """Performs the run repeatedly until it has ended or another process owns it."""
        claim: RunRow | None = run
        try:
            while claim is not None and (died := await self._perform_once(claim)) is not None and not self.stopping:
                await asyncio.sleep(_HEARTBEAT)
                with contextlib.suppress(CfoError):
                    claim = await self._journal.claim(claim, self.me, died=died)
        finally:
            self._claimed_here.discard(run.id)

    async def _perform_once(self, run: RunRow) -> bool | None:
        """Performs the run once. Returns None on success, and otherwise whether the failure counts as a crash."""
        try:
            await self._perform(run)
            now = await self._journal.run(run.id)
            return None if now.ended or now.attempt != run.attempt else True
        except RunNotFound:  # its acceptance was retracted
            return None
        except CfoError as error:  # the outcome could not be stored, so keep trying
            _log.warning("the outcome of run %s is not stored yet, trying again: %s", run.id, error)
            return False
        except Exception:  # noqa: BLE001 - a bug must not leave a run open, because the whole thread would wait for it
            _log.exception("run %s failed unexpectedly, trying again", run.id)
            return True

    # Workers

    async def _run_worker(self, queue: str, at_most: int) -> None:
        """Runs a Procrastinate worker, and restarts it whenever it stops because its connection was lost."""
        while not self.stopping:
            worker = Worker(
                app=self._app,
                queues=[queue],
                name=self.me,
                concurrency=at_most,
                fetch_job_polling_interval=_POLL,
                update_heartbeat_interval=_HEARTBEAT,
                stalled_worker_timeout=10 * DEAD_AFTER,
                shutdown_graceful_timeout=_GRACE,
                install_signal_handlers=False,
                delete_jobs="always",
            )
            self._workers.add(worker)
            try:
                await worker.run()
            except _TRANSIENT_ERRORS as error:
                _log.warning("restarting the worker: %s", self._database.failed("used", error.__cause__ or error))
            except Exception:  # noqa: BLE001 - a bug must not leave this process without a worker
                _log.exception("restarting the worker")
            finally:
                self._workers.discard(worker)
            if not self.stopping:
                await asyncio.sleep(_HEARTBEAT)

    async def _monitor(self) -> None:
        # A driver may turn a cancellation into its own error, so the flag also ends the loop.
        while not self.stopping:
            try:
                await self._send_heartbeat()
                await self._recover_from_dead_workers()
            except _TRANSIENT_ERRORS as error:
                _log.warning("cannot check for dead workers, will try again: %s", error)
            except Exception:  # noqa: BLE001 - as above
                _log.exception("cannot check for dead workers, will try again")
            if not self.stopping:
                await asyncio.sleep(_HEARTBEAT)

    async def _send_heartbeat(self) -> None:
        sql: LiteralString = (
            "INSERT INTO cfo_journal.owner VALUES (%s) ON CONFLICT (name) DO UPDATE SET beat = excluded.beat"
        )
        await self._database.select(sql, (self.me,))

    async def _recover_from_dead_workers(self) -> None:
        """Requeues the jobs of dead workers, and adds a job for each run that has none."""
        self._dead = {owner for (owner,) in await self._database.select(_DEAD, (self.me, DEAD_AFTER))}
        await self._database.select("DELETE FROM cfo_journal.owner WHERE beat < now() - interval '1 hour'")
        for job in await self._app.job_manager.get_stalled_jobs(seconds_since_heartbeat=DEAD_AFTER):
            with contextlib.suppress(ConnectorException):  # another process has already retried it
                await self._app.job_manager.retry_job(job)
        for run_id, workspace_id, thread_id, parent in await self._database.select(_WITHOUT_JOB):
            await self._defer(run_id, workspace_id, thread_id, parent, once=True)


class _Retry(BaseRetryStrategy):
    """Retries a job indefinitely: immediately if its process is stopping, and otherwise after a second."""

    def __init__(self, queue: ProcrastinateQueue) -> None:
        self._queue = queue

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision:  # noqa: ARG002
        return RetryDecision(retry_in={"seconds": 0 if self._queue.stopping else 1})
