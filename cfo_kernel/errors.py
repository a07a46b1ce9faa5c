"""All errors that users can encounter, as one class hierarchy.

Only the leaves are raised. Each has a stable code, and its message says what happened and what to do next.

CfoError
├── InputError              the request cannot be accepted as it is
│   ├── EmptyMessage · MessageTooLong · InvalidName · NothingToContinue · InvalidSettings · InvalidInput
├── NotFound                WorkspaceNotFound · ThreadNotFound · RunNotFound · ResultNotFound · FileNotFound
│   ├── EventsPruned
├── Conflict                WorkspaceExists · ThreadReadOnly · ThreadBusy · ThreadAmbiguous · StorageFailed
│   ├── MeaningChanged · MeaningVersionMissing · NothingToUndo
│   ├── OtherRoot · OtherLoop · WorkbenchClosed · IdempotencyMismatch · ContinueLimitReached
├── FileProblem             UnsupportedFile · EmptyFile · UnreadableFile · FileTooLarge · ReadingStopped
│   └── GlossaryProblem     GlossaryInvalid · GlossaryNameUnknown · MeasureCircular · JoinDoesNotHold
├── QueryError              the model may correct the query and try again
│   ├── SqlInvalid · SqlPolicyViolation · UnknownTable · UnknownColumn · PlanInvalid · SheetInvalid
│   ├── QueryTimeout · QueryOutOfMemory · QueryFailed · WorkerLost
│   └── PythonFailed · PythonTimeout · PythonDisabled · PythonUnavailable
├── ServerError             a server cannot be used
│   ├── ServerUnavailable · ServerIncompatible · TokenRejected · TooManyStreams · ProcessCrashLoop
└── RunError                a run failed
    ├── ModelKeyMissing · ModelKeyRejected · ModelUnavailable · ModelRefused · ModelMisbehaved
    ├── RequestLimitReached · ToolCallLimitReached · TokenLimitReached · RunTimeout
    ├── RunCancelled · RunInterrupted · InternalError

The codes are part of the HTTP and JSON formats: codes may be added, but never renamed.
"""

import re
from typing import Any


class CfoError(Exception):
    """The base class of all errors. `code` is stable, `message` is for users, and `details` are JSON values."""

    code: str = "error"

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details = details

    def _render_traceback_(self) -> list[str]:
        """Returns the lines that IPython shows below a cell: the code and the message instead of a traceback."""
        return [f"{self.code}: {self.message}"]


class InputError(CfoError):
    """The request cannot be accepted as it is."""

    code = "input_error"


class InvalidInput(InputError):
    """A field, name or key in the request is malformed. The message names it. Correct it and send the request again."""

    code = "invalid_input"


class EmptyMessage(InputError):
    """The message has no text. Write a question."""

    code = "empty_message"


class MessageTooLong(InputError):
    """The message is longer than a thread accepts. Upload long tables as a file instead."""

    code = "message_too_long"


class InvalidName(InputError):
    """A workspace, file or thread cannot have this name. Choose another name; the message states the rules."""

    code = "invalid_name"


class NothingToContinue(InputError):
    """An empty message continues a reply, but no reply is waiting for review. Write a message instead."""

    code = "nothing_to_continue"


class InvalidSettings(InputError):
    """A setting or the `.env` file is not valid. The message names it. Correct it and restart."""

    code = "invalid_settings"


class NotFound(CfoError):
    """Something named in the request does not exist."""

    code = "not_found"


class WorkspaceNotFound(NotFound):
    """No workspace has this id or name, or its folder is missing. List them with `cfo workspaces`."""

    code = "workspace_not_found"


class ThreadNotFound(NotFound):
    """No thread has this id, or its folder is missing. List the threads with `cfo threads -w WORKSPACE`."""

    code = "thread_not_found"


class RunNotFound(NotFound):
    """No run has this id. List the thread's messages to see its run ids."""

    code = "run_not_found"


class EventsPruned(NotFound):
    """The run ended more than `CFO_JOURNAL_DAYS` ago and its events were deleted. Its reply is still in the thread."""

    code = "events_pruned"


class ResultNotFound(NotFound):
    """The thread has no such result file, or the reply has no table. Ask the question again."""

    code = "result_not_found"


class FileNotFound(NotFound):
    """The workspace has no file with this name in `data/`. List its files to see their names."""

    code = "file_not_found"


class Conflict(CfoError):
    """The request is valid, but the current state does not allow it."""

    code = "conflict"


class WorkspaceExists(Conflict):
    """Another workspace has this name or id. Choose another name."""

    code = "workspace_exists"


class ThreadReadOnly(Conflict):
    """The thread's history cannot be read or written, so the thread accepts no messages. The error message says why."""

    code = "thread_read_only"


class ThreadBusy(Conflict):
    """Another process is executing a run in the thread. Wait for the run or stop it there, then try again."""

    code = "thread_busy"


class ThreadAmbiguous(Conflict):
    """Several workspaces have a thread with this id. Open the thread from its workspace."""

    code = "thread_ambiguous"


class OtherRoot(Conflict):
    """This process already has another root open. Close that workbench, or use another process."""

    code = "other_root"


class OtherLoop(Conflict):
    """The workbench was opened in another event loop. Call `connect()` in the loop that uses it."""

    code = "other_loop"


class StorageFailed(Conflict):
    """A database or a folder cannot be read or written. Check the disk, its permissions and `CFO_DATABASE_URL`."""

    code = "storage_failed"


class MeaningChanged(Conflict):
    """The glossary has changed since it was read. The message shows the changes. Read it again, then change it."""

    code = "meaning_changed"


class MeaningVersionMissing(Conflict):
    """A change to the glossary must name the version that it is based on. Send that version's ETag as `If-Match`."""

    code = "meaning_version_missing"


class NothingToUndo(Conflict):
    """There is no earlier version of the glossary, or all of its changes have already been undone."""

    code = "nothing_to_undo"


class WorkbenchClosed(Conflict):
    """The workbench was closed. Call `connect()` again."""

    code = "workbench_closed"


class ContinueLimitReached(Conflict):
    """Too many replies were continued without a click (`CFO_CONTINUE_LIMIT`). Click Continue, or send a message."""

    code = "continue_limit_reached"


class IdempotencyMismatch(Conflict):
    """The idempotency key was used for another message. Use a new key for each message."""

    code = "idempotency_mismatch"


class FileProblem(CfoError):
    """A file in the workspace, or an uploaded file, cannot be used."""

    code = "file_problem"


class UnsupportedFile(FileProblem):
    """The file is not a table in a supported format. Save it as CSV, XLSX or Parquet."""

    code = "unsupported_file"


class EmptyFile(FileProblem):
    """The file has no rows. Check the file and upload it again."""

    code = "empty_file"


class UnreadableFile(FileProblem):
    """The file is damaged, or its content does not match its suffix. Save it again and upload it."""

    code = "unreadable_file"


class FileTooLarge(FileProblem):
    """The file is larger than 2 GB, or takes more memory, time or columns to read than the limit. Split it."""

    code = "file_too_large"


class ReadingStopped(FileProblem):
    """A person stopped the reading of the file. Read it again when its tables are needed."""

    code = "reading_stopped"


class GlossaryProblem(FileProblem):
    """A part of the glossary cannot be used."""

    code = "glossary_problem"

    def __init__(self, file: str, line: int, problem: str) -> None:
        super().__init__(f"{file}, line {line}: {problem}. Correct the line and ask again.", file=file, line=line)
        self.problem = problem


class GlossaryInvalid(GlossaryProblem):
    """A line in `data/datasets.yaml` is not valid. The message states the line and the problem. Correct it."""

    code = "glossary_invalid"


class GlossaryNameUnknown(GlossaryProblem):
    """The glossary names a table or column that does not exist. The message suggests a similar name. Correct it."""

    code = "glossary_name_unknown"


class MeasureCircular(GlossaryProblem):
    """A measure refers to itself through other measures. The message shows the cycle. Change one of the expressions."""

    code = "measure_circular"


class JoinDoesNotHold(GlossaryProblem):
    """The rows do not match as the join requires. The message states the counts. Correct the columns of the join."""

    code = "join_does_not_hold"


class QueryError(CfoError):
    """A query failed. The model may correct it and try again."""

    code = "query_error"


class SqlInvalid(QueryError):
    """The SQL cannot be parsed or does not match the tables. The message quotes the reason. Correct the statement."""

    code = "sql_invalid"


class SqlPolicyViolation(QueryError):
    """The SQL does more than read the workspace's tables. Send a single SELECT over these tables."""

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
    """The query took longer than `CFO_QUERY_TIMEOUT` and was stopped. Narrow the query, or aggregate first."""

    code = "query_timeout"


class QueryOutOfMemory(QueryError):
    """The query or its result needs more memory than the limit. Narrow the query, or aggregate first."""

    code = "query_out_of_memory"


class QueryFailed(QueryError):
    """The query failed while it was running. The message quotes the reason."""

    code = "query_failed"


class WorkerLost(QueryError):
    """The process that was running the query died. Run the query again; it will get a new process."""

    code = "worker_lost"


class PythonFailed(QueryError):
    """The Python program raised an error, or wrote files that cannot be kept. The message quotes the reason."""

    code = "python_failed"


class PythonTimeout(QueryError):
    """The Python program took longer than `CFO_PYTHON_TIMEOUT` and was stopped. Process fewer rows."""

    code = "python_timeout"


class PythonDisabled(QueryError):
    """Python is turned off by `CFO_PYTHON_DISABLED`. Use SQL or a query plan."""

    code = "python_disabled"


class PythonUnavailable(QueryError):
    """This system cannot confine a Python program. Use SQL, or run the engine on Linux 5.13 or later."""

    code = "python_unavailable"


class ServerError(CfoError):
    """A server cannot be used: the server of a remote workbench, or one that `cfo up` runs."""

    code = "server_error"


class ServerUnavailable(ServerError):
    """The server cannot be reached, or has stopped answering. Check `CFO_URL`, the network and the server."""

    code = "server_unavailable"


class ServerIncompatible(ServerError):
    """The server at the address is not a cfo_kernel server of this version. Check `CFO_URL`."""

    code = "server_incompatible"


class TokenRejected(ServerError):
    """The server did not accept the token. Set `CFO_API_TOKEN` to the server's token."""

    code = "token_rejected"


class TooManyStreams(ServerError):
    """The server has reached its limit on open streams, uploads and downloads. Close some, or wait, and try again."""

    code = "too_many_streams"


class ProcessCrashLoop(ServerError):
    """A process of `cfo up` keeps exiting right after it starts. Its last output, shown above the error, says why."""

    code = "process_crash_loop"


class RunError(CfoError):
    """A run ended without a reply."""

    code = "run_failed"


class ModelKeyMissing(RunError):
    """The configured model needs a key, and none is set. Set the key, or set `CFO_MODEL=offline`."""

    code = "model_key_missing"


class ModelKeyRejected(RunError):
    """The model's server refused the key. Set a valid key."""

    code = "model_key_rejected"


class ModelUnavailable(RunError):
    """The model's server cannot be reached, is overloaded, or does not have the model. The message says which."""

    code = "model_unavailable"


class ModelRefused(RunError):
    """The model, or a content filter of its server, declined to answer. Reword the message, or use another model."""

    code = "model_refused"


class ModelMisbehaved(RunError):
    """The model returned no usable reply, even after its mistakes were reported to it. Reword the message."""

    code = "model_misbehaved"


class RequestLimitReached(RunError):
    """The run made more model requests than `CFO_REQUEST_LIMIT` allows. Ask a narrower question."""

    code = "request_limit_reached"


class ToolCallLimitReached(RunError):
    """The run made more tool calls than `CFO_TOOL_CALL_LIMIT` allows. Ask a narrower question."""

    code = "tool_call_limit_reached"


class TokenLimitReached(RunError):
    """The run used more tokens than `CFO_TOKEN_LIMIT` allows. Ask a narrower question, or start a new thread."""

    code = "token_limit_reached"


class RunTimeout(RunError):
    """The run took longer than `CFO_RUN_TIMEOUT` and was stopped. Ask a narrower question."""

    code = "run_timeout"


class RunCancelled(RunError):
    """The run was stopped on request. Send another message to continue."""

    code = "cancelled"


class RunInterrupted(RunError):
    """Five processes in a row died while executing the run. Reword the message and send it again."""

    code = "run_interrupted"


class InternalError(RunError):
    """cfo_kernel itself failed. The server's log has the details. Send the message again, or report the problem."""

    code = "internal_error"


def _leaves(tree: type[CfoError]) -> list[type[CfoError]]:
    children = tree.__subclasses__()
    return [leaf for child in children for leaf in _leaves(child)] if children else [tree]


BY_CODE: dict[str, type[CfoError]] = {leaf.code: leaf for leaf in _leaves(CfoError)}
"""All leaves by code, so that an error from another process can be raised as the same class."""


def restored(code: str, message: str, **details: Any) -> CfoError:
    """Recreates an error from another process. An unknown code, as from a newer version, becomes a plain `CfoError`."""
    kind = BY_CODE.get(code, CfoError)
    error = kind.__new__(kind)  # without the constructors that compose the message
    CfoError.__init__(error, message, **details)
    error.code = code
    return error


# A path has at least two slashes. Possessive quantifiers prevent backtracking, since a text may contain many slashes.
_PATH = re.compile(
    r"""(?<=')/(?=[^'\n/]*/)[^'\n]*+(?=')|(?<=")/(?=[^"\n/]*/)[^"\n]*+(?=")|(?<![\w.:/])/(?=[^\s'"]+/[^\s'"])[^\s'"]++"""
)


def without_paths(text: str) -> str:
    """Replaces this machine's paths in a library's message. Paths in quotes may contain spaces."""
    return _PATH.sub("a file", text)
