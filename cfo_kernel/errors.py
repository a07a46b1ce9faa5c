"""All errors a user can meet, in one tree; only leaves are raised: each has a stable code and says what to do next.

CfoError
├── InputError              what was sent cannot be taken as it is
│   ├── EmptyMessage · MessageTooLong · InvalidName · NothingToContinue · InvalidSettings · InvalidInput
├── NotFound                WorkspaceNotFound · ThreadNotFound · RunNotFound · ResultNotFound · FileNotFound
│   ├── EventsPruned
├── Conflict                WorkspaceExists · ThreadReadOnly · ThreadBusy · ThreadAmbiguous · StorageFailed
│   ├── OtherRoot · OtherLoop · WorkbenchClosed · IdempotencyMismatch · ContinueLimitReached
├── FileProblem             UnsupportedFile · EmptyFile · UnreadableFile · FileTooLarge · GlossaryInvalid
├── QueryError              a model may mend these and try again
│   ├── SqlInvalid · SqlPolicyViolation · UnknownTable · UnknownColumn · PlanInvalid · SheetInvalid
│   ├── QueryTimeout · QueryOutOfMemory · QueryFailed · WorkerLost
│   └── PythonFailed · PythonTimeout · PythonDisabled · PythonUnavailable
├── ServerError             the server of a remote workbench: ServerUnavailable · ServerIncompatible · TokenRejected
│   ├── ProcessCrashLoop        a part of `cfo up` that ends again and again
└── RunError                how a run can fail
    ├── ModelKeyMissing · ModelKeyRejected · ModelUnavailable · ModelMisbehaved
    ├── RequestLimitReached · ToolCallLimitReached · TokenLimitReached · RunTimeout
    ├── RunCancelled · RunInterrupted · InternalError

The codes are part of the HTTP and JSON formats: they may be added to, never renamed.
"""

import re
from typing import Any


class CfoError(Exception):
    """Base of all errors: `code` is stable, the message is for people, `details` are JSON values."""

    code: str = "error"

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details = details

    def _render_traceback_(self) -> list[str]:
        """What IPython shows below a cell: the code and what to do next. Where it was raised helps nobody there."""
        return [f"{self.code}: {self.message}"]


class InputError(CfoError):
    """What was sent cannot be taken as it is."""

    code = "input_error"


class InvalidInput(InputError):
    code = "invalid_input"


class EmptyMessage(InputError):
    code = "empty_message"


class MessageTooLong(InputError):
    code = "message_too_long"


class InvalidName(InputError):
    code = "invalid_name"


class NothingToContinue(InputError):
    code = "nothing_to_continue"


class InvalidSettings(InputError):
    code = "invalid_settings"


class NotFound(CfoError):
    """What was named does not exist."""

    code = "not_found"


class WorkspaceNotFound(NotFound):
    code = "workspace_not_found"


class ThreadNotFound(NotFound):
    code = "thread_not_found"


class RunNotFound(NotFound):
    code = "run_not_found"


class EventsPruned(NotFound):
    code = "events_pruned"


class ResultNotFound(NotFound):
    code = "result_not_found"


class FileNotFound(NotFound):
    code = "file_not_found"


class Conflict(CfoError):
    """The state of things forbids it now."""

    code = "conflict"


class WorkspaceExists(Conflict):
    code = "workspace_exists"


class ThreadReadOnly(Conflict):
    code = "thread_read_only"


class ThreadBusy(Conflict):
    code = "thread_busy"


class ThreadAmbiguous(Conflict):
    code = "thread_ambiguous"


class OtherRoot(Conflict):
    code = "other_root"


class OtherLoop(Conflict):
    code = "other_loop"


class StorageFailed(Conflict):
    code = "storage_failed"


class WorkbenchClosed(Conflict):
    code = "workbench_closed"


class ContinueLimitReached(Conflict):
    """Countdowns ran out too often in a row; a person may still continue."""

    code = "continue_limit_reached"


class IdempotencyMismatch(Conflict):
    code = "idempotency_mismatch"


class FileProblem(CfoError):
    """A file of the workspace, or one on its way in, cannot be used."""

    code = "file_problem"


class UnsupportedFile(FileProblem):
    code = "unsupported_file"


class EmptyFile(FileProblem):
    code = "empty_file"


class UnreadableFile(FileProblem):
    code = "unreadable_file"


class FileTooLarge(FileProblem):
    code = "file_too_large"


class GlossaryInvalid(FileProblem):
    code = "glossary_invalid"

    def __init__(self, file: str, line: int, problem: str) -> None:
        super().__init__(f"{file}, line {line}: {problem}. Correct the line and ask again.", file=file, line=line)


class QueryError(CfoError):
    """A query did not give a result; a model may mend it and try again."""

    code = "query_error"


class SqlInvalid(QueryError):
    code = "sql_invalid"


class SqlPolicyViolation(QueryError):
    code = "sql_policy_violation"


class UnknownTable(QueryError):
    code = "unknown_table"


class UnknownColumn(QueryError):
    code = "unknown_column"


class PlanInvalid(QueryError):
    code = "plan_invalid"


class SheetInvalid(QueryError):
    code = "sheet_invalid"


class QueryTimeout(QueryError):
    code = "query_timeout"


class QueryOutOfMemory(QueryError):
    code = "query_out_of_memory"


class QueryFailed(QueryError):
    code = "query_failed"


class WorkerLost(QueryError):
    code = "worker_lost"


class PythonFailed(QueryError):
    code = "python_failed"


class PythonTimeout(QueryError):
    code = "python_timeout"


class PythonDisabled(QueryError):
    code = "python_disabled"


class PythonUnavailable(QueryError):
    code = "python_unavailable"


class ServerError(CfoError):
    """The server of a remote workbench cannot be used."""

    code = "server_error"


class ServerUnavailable(ServerError):
    code = "server_unavailable"


class ServerIncompatible(ServerError):
    code = "server_incompatible"


class TokenRejected(ServerError):
    code = "token_rejected"


class ProcessCrashLoop(ServerError):
    """Of a part of `cfo up`."""

    code = "process_crash_loop"


class RunError(CfoError):
    """A run could not come to a reply."""

    code = "run_failed"


class ModelKeyMissing(RunError):
    code = "model_key_missing"


class ModelKeyRejected(RunError):
    code = "model_key_rejected"


class ModelUnavailable(RunError):
    code = "model_unavailable"


class ModelMisbehaved(RunError):
    code = "model_misbehaved"


class RequestLimitReached(RunError):
    code = "request_limit_reached"


class ToolCallLimitReached(RunError):
    code = "tool_call_limit_reached"


class TokenLimitReached(RunError):
    code = "token_limit_reached"


class RunTimeout(RunError):
    code = "run_timeout"


class RunCancelled(RunError):
    code = "cancelled"


class RunInterrupted(RunError):
    code = "run_interrupted"


class InternalError(RunError):
    code = "internal_error"


def _leaves(tree: type[CfoError]) -> list[type[CfoError]]:
    children = tree.__subclasses__()
    return [leaf for child in children for leaf in _leaves(child)] if children else [tree]


BY_CODE: dict[str, type[CfoError]] = {leaf.code: leaf for leaf in _leaves(CfoError)}
"""Every leaf by its code, so that an error that crossed a process comes back as itself."""


def restored(code: str, message: str, **details: Any) -> CfoError:
    """The error of that code, made again from what is known of it; one that is not known here keeps its code."""
    kind = BY_CODE.get(code, CfoError)
    error = kind.__new__(kind)  # past the constructors of those that word their message themselves
    CfoError.__init__(error, message, **details)
    error.code = code
    return error


_PATH = re.compile(r"""(?<=')/[^'\n]*/[^'\n]*(?=')|(?<=")/[^"\n]*/[^"\n]*(?=")|(?<![\w.:/])/[^\s'"]+/[^\s'"]+""")


def without_paths(text: str) -> str:
    """What a library says, without where things are on this machine; a path in quotes may hold spaces."""
    return _PATH.sub("a file", text)
