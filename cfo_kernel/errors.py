"""All errors that a user can meet, in one tree.

Only its leaves are raised. Each has a stable code, and its message says what happened and what to do next.

CfoError
├── InputError              the request cannot be accepted as it is
│   ├── EmptyMessage · MessageTooLong · InvalidName · NothingToContinue · InvalidSettings · InvalidInput
├── NotFound                WorkspaceNotFound · ThreadNotFound · RunNotFound · ResultNotFound · FileNotFound
│   ├── EventsPruned
├── Conflict                WorkspaceExists · ThreadReadOnly · ThreadBusy · ThreadAmbiguous · StorageFailed
│   ├── OtherRoot · OtherLoop · WorkbenchClosed · IdempotencyMismatch · ContinueLimitReached
├── FileProblem             UnsupportedFile · EmptyFile · UnreadableFile · FileTooLarge · GlossaryInvalid
├── QueryError              the model may correct the query and try again
│   ├── SqlInvalid · SqlPolicyViolation · UnknownTable · UnknownColumn · PlanInvalid · SheetInvalid
│   ├── QueryTimeout · QueryOutOfMemory · QueryFailed · WorkerLost
│   └── PythonFailed · PythonTimeout · PythonDisabled · PythonUnavailable
├── ServerError             a server cannot be used
│   ├── ServerUnavailable · ServerIncompatible · TokenRejected · ProcessCrashLoop
└── RunError                a run failed
    ├── ModelKeyMissing · ModelKeyRejected · ModelUnavailable · ModelMisbehaved
    ├── RequestLimitReached · ToolCallLimitReached · TokenLimitReached · RunTimeout
    ├── RunCancelled · RunInterrupted · InternalError

The codes are part of the HTTP and JSON formats: codes may be added, but never renamed.
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
        """What IPython shows below a cell: the code and the message. A traceback would not help a user there."""
        return [f"{self.code}: {self.message}"]


class InputError(CfoError):
    """The request cannot be accepted as it is."""

    code = "input_error"


class InvalidInput(InputError):
    """A field, name or key in the request is malformed. The message names it: correct it and send again."""

    code = "invalid_input"


class EmptyMessage(InputError):
    """The message has no text. Write a question."""

    code = "empty_message"


class MessageTooLong(InputError):
    """The message is longer than a thread accepts. Upload long tables as a file instead."""

    code = "message_too_long"


class InvalidName(InputError):
    """A workspace, file or thread cannot have this name. Choose a name within the limits that the message states."""

    code = "invalid_name"


class NothingToContinue(InputError):
    """An empty message continues a reply that waits for review, and none does. Write a message instead."""

    code = "nothing_to_continue"


class InvalidSettings(InputError):
    """A setting, or the `.env` file, has a wrong value. The message names it: correct it and start again."""

    code = "invalid_settings"


class NotFound(CfoError):
    """Something that the request names does not exist."""

    code = "not_found"


class WorkspaceNotFound(NotFound):
    """No workspace has this id or name, or its folder is missing. List them with `cfo workspaces`."""

    code = "workspace_not_found"


class ThreadNotFound(NotFound):
    """No thread has this id, or its folder is missing. List the threads with `cfo threads -w WORKSPACE`."""

    code = "thread_not_found"


class RunNotFound(NotFound):
    """No run has this id. The messages of the thread list the ids of its runs."""

    code = "run_not_found"


class EventsPruned(NotFound):
    """The run ended more than `CFO_JOURNAL_DAYS` ago and its events were deleted. Its reply is still in the thread."""

    code = "events_pruned"


class ResultNotFound(NotFound):
    """The thread has no such result file, or the reply has no table. Ask the question again."""

    code = "result_not_found"


class FileNotFound(NotFound):
    """The workspace has no file of this name under `data/`. List its files for the names."""

    code = "file_not_found"


class Conflict(CfoError):
    """The request is valid, but the current state does not allow it."""

    code = "conflict"


class WorkspaceExists(Conflict):
    """Another workspace has this name or id. Choose another name."""

    code = "workspace_exists"


class ThreadReadOnly(Conflict):
    """The history of the thread cannot be read or written, so it takes no new message. The message says why."""

    code = "thread_read_only"


class ThreadBusy(Conflict):
    """Another program is working on the thread and holds its lock. Wait, or stop it there, then try again."""

    code = "thread_busy"


class ThreadAmbiguous(Conflict):
    """Two workspaces have a thread of this id. Open the thread from its workspace."""

    code = "thread_ambiguous"


class OtherRoot(Conflict):
    """The process already works on another root. Close that workbench, or start another process."""

    code = "other_root"


class OtherLoop(Conflict):
    """The workbench belongs to another event loop. Call `connect()` in the loop that uses it."""

    code = "other_loop"


class StorageFailed(Conflict):
    """A database or a folder cannot be read or written. Check the disk, its permissions and `CFO_DATABASE_URL`."""

    code = "storage_failed"


class WorkbenchClosed(Conflict):
    """The workbench was closed. Call `connect()` again."""

    code = "workbench_closed"


class ContinueLimitReached(Conflict):
    """Too many replies in a row continued without a click (`CFO_CONTINUE_LIMIT`). Click Continue or write a message."""

    code = "continue_limit_reached"


class IdempotencyMismatch(Conflict):
    """The idempotency key was used for another message. Use a new key for each message."""

    code = "idempotency_mismatch"


class FileProblem(CfoError):
    """A file of the workspace, or an uploaded file, cannot be used."""

    code = "file_problem"


class UnsupportedFile(FileProblem):
    """The file is not a table of a type that is read. Save it as CSV, XLSX or Parquet."""

    code = "unsupported_file"


class EmptyFile(FileProblem):
    """The file has no rows. Check the file and upload it again."""

    code = "empty_file"


class UnreadableFile(FileProblem):
    """The file is damaged, or not what its suffix says. Save it again and upload it."""

    code = "unreadable_file"


class FileTooLarge(FileProblem):
    """The file is larger than an upload may be (2 GB). Split it, or save it as Parquet."""

    code = "file_too_large"


class GlossaryInvalid(FileProblem):
    """A line of `data/datasets.yaml` is wrong. The message names the line and the problem: correct it and ask again."""

    code = "glossary_invalid"

    def __init__(self, file: str, line: int, problem: str) -> None:
        super().__init__(f"{file}, line {line}: {problem}. Correct the line and ask again.", file=file, line=line)


class QueryError(CfoError):
    """A query has no result. The model may correct it and try again."""

    code = "query_error"


class SqlInvalid(QueryError):
    """The SQL cannot be parsed or bound to the tables. The message quotes the reason: correct the statement."""

    code = "sql_invalid"


class SqlPolicyViolation(QueryError):
    """The SQL does more than read the tables of the workspace. Send one SELECT over those tables."""

    code = "sql_policy_violation"


class UnknownTable(QueryError):
    """No table or dataset has this name. The message suggests the nearest names."""

    code = "unknown_table"


class UnknownColumn(QueryError):
    """No column has this name. The message suggests the nearest names."""

    code = "unknown_column"


class PlanInvalid(QueryError):
    """The query plan is incomplete, or its result would be misleading. The message says how to ask instead."""

    code = "plan_invalid"


class SheetInvalid(QueryError):
    """The sheet cannot be written as requested. Choose another sheet or mode, or export as CSV."""

    code = "sheet_invalid"


class QueryTimeout(QueryError):
    """The query took longer than `CFO_QUERY_TIMEOUT` and was stopped. Narrow it, or aggregate first."""

    code = "query_timeout"


class QueryOutOfMemory(QueryError):
    """The query, or its result, needs more memory than it may use. Narrow it, or aggregate first."""

    code = "query_out_of_memory"


class QueryFailed(QueryError):
    """The query failed while it ran. The message quotes the reason."""

    code = "query_failed"


class WorkerLost(QueryError):
    """The process that ran the query died. Run it again: the next query gets a new process."""

    code = "worker_lost"


class PythonFailed(QueryError):
    """The Python program raised an error, or left files that cannot be taken over. The message quotes the reason."""

    code = "python_failed"


class PythonTimeout(QueryError):
    """The program took longer than `CFO_PYTHON_TIMEOUT` and was stopped. Work on fewer rows."""

    code = "python_timeout"


class PythonDisabled(QueryError):
    """Python is turned off by `CFO_PYTHON_DISABLED`. Use SQL or a query plan."""

    code = "python_disabled"


class PythonUnavailable(QueryError):
    """This system cannot confine a Python program. Use SQL, or run the engine on Linux 5.13 or later."""

    code = "python_unavailable"


class ServerError(CfoError):
    """A server cannot be used: that of a remote workbench, or one that `cfo up` runs."""

    code = "server_error"


class ServerUnavailable(ServerError):
    """The server cannot be reached or stopped answering. Check `CFO_URL`, the network and the server."""

    code = "server_unavailable"


class ServerIncompatible(ServerError):
    """Something other than a cfo_kernel server of this version answers at the address. Check `CFO_URL`."""

    code = "server_incompatible"


class TokenRejected(ServerError):
    """The server did not accept the token. Set `CFO_API_TOKEN` to the token of the server."""

    code = "token_rejected"


class ProcessCrashLoop(ServerError):
    """A process of `cfo up` keeps dying right after its start. Its last output, shown above the error, says why."""

    code = "process_crash_loop"


class RunError(CfoError):
    """A run failed to reach a reply."""

    code = "run_failed"


class ModelKeyMissing(RunError):
    """A model is set that needs a key, and there is none. Set its key, or `CFO_MODEL=offline`."""

    code = "model_key_missing"


class ModelKeyRejected(RunError):
    """The model's server refused the key. Set a valid key."""

    code = "model_key_rejected"


class ModelUnavailable(RunError):
    """The model's server cannot be reached, is overloaded, or does not know the model. The message says which."""

    code = "model_unavailable"


class ModelMisbehaved(RunError):
    """The model gave no usable reply, even after its mistakes were reported to it. Reword the message."""

    code = "model_misbehaved"


class RequestLimitReached(RunError):
    """The run needed more model requests than `CFO_REQUEST_LIMIT`. Ask a narrower question."""

    code = "request_limit_reached"


class ToolCallLimitReached(RunError):
    """The run needed more tool calls than `CFO_TOOL_CALL_LIMIT`. Ask a narrower question."""

    code = "tool_call_limit_reached"


class TokenLimitReached(RunError):
    """The run used more tokens than `CFO_TOKEN_LIMIT`. Ask a narrower question, or start a new thread."""

    code = "token_limit_reached"


class RunTimeout(RunError):
    """The run took longer than `CFO_RUN_TIMEOUT` and was stopped. Ask a narrower question."""

    code = "run_timeout"


class RunCancelled(RunError):
    """The run was stopped on request. Send another message to continue."""

    code = "cancelled"


class RunInterrupted(RunError):
    """Five processes in a row died while working on the run. Reword the message, then send it again."""

    code = "run_interrupted"


class InternalError(RunError):
    """cfo_kernel itself failed; the server's log has the details. Send the message again, or report it."""

    code = "internal_error"


def _leaves(tree: type[CfoError]) -> list[type[CfoError]]:
    children = tree.__subclasses__()
    return [leaf for child in children for leaf in _leaves(child)] if children else [tree]


BY_CODE: dict[str, type[CfoError]] = {leaf.code: leaf for leaf in _leaves(CfoError)}
"""Every leaf by its code, so that an error from another process is raised as the same class."""


def restored(code: str, message: str, **details: Any) -> CfoError:
    """The error with this code, from another process or a newer version: an unknown code becomes a plain `CfoError`."""
    kind = BY_CODE.get(code, CfoError)
    error = kind.__new__(kind)  # without the constructors that compose the message
    CfoError.__init__(error, message, **details)
    error.code = code
    return error


_PATH = re.compile(r"""(?<=')/[^'\n]*/[^'\n]*(?=')|(?<=")/[^"\n]*/[^"\n]*(?=")|(?<![\w.:/])/[^\s'"]+/[^\s'"]+""")


def without_paths(text: str) -> str:
    """A message of a library without paths of this machine. A path in quotes may contain spaces."""
    return _PATH.sub("a file", text)
